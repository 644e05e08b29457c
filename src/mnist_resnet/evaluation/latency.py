"""How fast a session answers, timed call by call."""

import time
from collections.abc import Sequence
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


def relative_speed(
    session: Session, reference: Session, images: npt.NDArray[np.uint8], batch_sizes: Sequence[int], calls: int
) -> dict[str, float]:
    """How many times as many images per second one session classifies as another.

    The two take turns, so that whatever else the machine does slows down both.

    Args:
        session: The one.
        reference: The other.
        images: uint8 (images, height, width); repeated where a batch needs more.
        batch_sizes: Images in a call.
        calls: Timed calls of each session, after one that is not timed.

    Returns:
        For each batch size, the median over the turns.
    """
    return {str(size): _relative(session, reference, _batch(images, size), calls) for size in batch_sizes}


def _relative(session: Session, reference: Session, batch: npt.NDArray[np.uint8], calls: int) -> float:
    turns = [[_seconds_of(each, batch) for each in (reference, session)] for _ in range(calls + 1)]
    return float(np.median([other / one for other, one in turns[1:]]))


def _seconds_of(session: Session, batch: npt.NDArray[np.uint8]) -> float:
    start = time.perf_counter()
    session.run(batch)
    return time.perf_counter() - start


def _batch(images: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    return np.resize(images[:size], (size, *images.shape[1:]))


def _seconds(
    session: Session, images: npt.NDArray[np.uint8], batch_size: int, parameters: LatencyParameters
) -> npt.NDArray[np.float64]:
    batch = _batch(images, batch_size)
    for _ in range(parameters.warm_up):
        session.run(batch)
    ends = [time.perf_counter()]
    for _ in range(parameters.calls):
        session.run(batch)
        ends.append(time.perf_counter())
    return np.diff(ends)


def _percentiles(seconds: npt.NDArray[np.float64]) -> dict[str, float]:
    return {f"p{rank}": float(np.percentile(seconds, rank)) * 1000 for rank in (50, 95, 99)}
