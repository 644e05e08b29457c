"""The speed of a session, timed call by call."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_resnet.config import LatencyParameters
from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.evaluation.metrics import Probabilities
from mnist_resnet.evaluation.session import Session, batches


@dataclass(frozen=True)
class Speed:
    """Times by batch size.

    Attributes:
        latency_ms: For each batch size, the 50th, 95th and 99th percentile of a call in milliseconds.
        throughput_images_per_s: For each batch size, images per second at the median call.
    """

    latency_ms: dict[str, dict[str, float]]
    throughput_images_per_s: dict[str, float]


def classify_timed(session: Session, images: UInt8Array, batch_size: int) -> tuple[Probabilities, list[float]]:
    """Classify images in batches as ``Session.probabilities`` does, and time each call that has a whole batch.

    Args:
        session: The loaded model.
        images: uint8 (images, height, width).
        batch_size: Images in a call; the last call may have fewer.

    Returns:
        float32 (images, classes), and the seconds of the calls.
    """
    timed = [_timed_run(session, batch) for batch in batches(images, batch_size)]
    return np.concatenate([answers for answers, _ in timed]), [each for _, each in timed[: len(images) // batch_size]]


def measure_speed(
    session: Session,
    images: UInt8Array,
    parameters: LatencyParameters,
    timed: Mapping[int, Sequence[float]] | None = None,
) -> Speed:
    """Time a session on real images.

    Args:
        session: The loaded model.
        images: uint8 (images, height, width); repeated where a batch needs more.
        parameters: Batch sizes, warm-up and number of timed calls.
        timed: By batch size, the seconds of all calls of this session so far, one after the other. Where they are as
            many as are asked for, there are no others.
    """

    def seconds(size: int) -> Sequence[float]:
        known = (timed or {}).get(size, ())[parameters.warm_up :]
        return known if len(known) >= parameters.calls else _time_calls(session, _batch(images, size), parameters)

    return Speed(
        {str(size): _percentiles(seconds(size)) for size in parameters.latency_batch_sizes},
        {str(size): size / float(np.median(seconds(size))) for size in parameters.throughput_batch_sizes},
    )


def relative_speeds(
    sessions: Mapping[str, Session], reference: Session, images: UInt8Array, batch_sizes: Sequence[int], calls: int
) -> dict[str, dict[str, float]]:
    """How many times as many images per second each session classifies as the reference.

    They all take turns, so that whatever else the machine does slows down all. Shorter calls vary more, so there are
    more of them.

    Args:
        sessions: By name, opened to take turns.
        reference: What each is compared with, call by call.
        images: uint8 (images, height, width); repeated where a batch needs more.
        batch_sizes: Images in a call.
        calls: Timed calls of each session at the largest batch size, after one that is not timed. At the others, as
            many images are classified.

    Returns:
        By the session's name and the batch size, the median over the turns.
    """
    most, speeds = calls * max(batch_sizes, default=0), {name: dict[str, float]() for name in sessions}
    for size in batch_sizes:
        turns = _turns((reference, *sessions.values()), _batch(images, size), most // size)
        for speed, seconds in zip(speeds.values(), turns[1:], strict=True):
            speed[str(size)] = float(np.median(turns[0] / seconds))
    return speeds


def _turns(sessions: Sequence[Session], batch: UInt8Array, calls: int) -> npt.NDArray[np.float64]:
    """The seconds of each session's calls, (sessions, calls), after one that is not timed."""
    turns = [[_time_call(each, batch) for each in sessions] for _ in range(calls + 1)]
    return np.array(turns[1:]).T


def _time_calls(session: Session, batch: UInt8Array, parameters: LatencyParameters) -> list[float]:
    return [_time_call(session, batch) for _ in range(parameters.warm_up + parameters.calls)][parameters.warm_up :]


def _time_call(session: Session, batch: UInt8Array) -> float:
    return _timed_run(session, batch)[1]


def _timed_run(session: Session, batch: UInt8Array) -> tuple[Probabilities, float]:
    """What a call answers, and the seconds that it takes."""
    start = time.perf_counter()
    answers = session.run(batch)
    return answers, time.perf_counter() - start


def _batch(images: UInt8Array, size: int) -> UInt8Array:
    return np.resize(images[:size], (size, *images.shape[1:]))


def _percentiles(seconds: Sequence[float]) -> dict[str, float]:
    return {f"p{rank}": float(np.percentile(seconds, rank)) * 1000 for rank in (50, 95, 99)}
