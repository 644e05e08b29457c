"""How fast a session answers, timed call by call."""

import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_resnet.config import LatencyParameters
from mnist_resnet.evaluation.session import Session


@dataclass(frozen=True)
class Speed:
    """Times by batch size.

    Attributes:
        latency_ms: For each batch size, the 50th, 95th and 99th percentile of a call in milliseconds.
        throughput_images_per_s: For each batch size, images per second at the median call.
    """

    latency_ms: dict[str, dict[str, float]]
    throughput_images_per_s: dict[str, float]


def measure_speed(session: Session, images: npt.NDArray[np.uint8], parameters: LatencyParameters) -> Speed:
    """Time a session on real images.

    Args:
        session: The loaded model.
        images: uint8 (images, height, width); repeated where a batch needs more.
        parameters: Batch sizes, warm-up and number of timed calls.
    """
    latency = {size: _seconds(session, images, size, parameters) for size in parameters.latency_batch_sizes}
    throughput = {size: _seconds(session, images, size, parameters) for size in parameters.throughput_batch_sizes}
    return Speed(
        {str(size): _percentiles(seconds) for size, seconds in latency.items()},
        {str(size): size / float(np.median(seconds)) for size, seconds in throughput.items()},
    )


def _seconds(
    session: Session, images: npt.NDArray[np.uint8], batch_size: int, parameters: LatencyParameters
) -> npt.NDArray[np.float64]:
    batch = np.resize(images[:batch_size], (batch_size, *images.shape[1:]))
    for _ in range(parameters.warm_up):
        session.run(batch)
    ends = [time.perf_counter()]
    for _ in range(parameters.calls):
        session.run(batch)
        ends.append(time.perf_counter())
    return np.diff(ends)


def _percentiles(seconds: npt.NDArray[np.float64]) -> dict[str, float]:
    return {f"p{rank}": float(np.percentile(seconds, rank)) * 1000 for rank in (50, 95, 99)}
