"""Samples of processor, memory and GPUs while a run goes on, by MLflow's monitors and under MLflow's names.

MLflow's own thread asks the store at each sample, ends when that does not answer, and knows no spool. So only its
monitors are used: the thread here keeps samples in memory, and the run records them.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from mnist_resnet.terminal.redaction import in_one_line
from mnist_resnet.tracking.operations import Point
from mnist_resnet.tracking.run_creation import now

logger = logging.getLogger(__name__)

# MLflow shows what begins with this under "System metrics".
PREFIX = "system/"
# A driver that hangs must not hold up the end of a run.
_SECONDS_TO_END = 2.0


class SystemMetrics:
    """Samples, taken by a thread of its own until it is closed, and once more then.

    Args:
        started: When the run has begun, in milliseconds since 1970; the step of a sample counts the seconds since then.
        seconds: Between two samples; None if none are wanted.
        monitors: Makes MLflow's monitors, in that thread.
    """

    def __init__(
        self, started: int, seconds: float | None, monitors: Callable[[], Sequence[Any]] | None = None
    ) -> None:
        self._started, self._seconds, self._monitors = started, seconds, monitors or monitors_of_machine
        self._points: deque[Point] = deque()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="system metrics", daemon=True)
        if seconds is not None:
            self._thread.start()

    def take(self) -> list[Point]:
        """All that was sampled since the last call."""
        return [self._points.popleft() for _ in range(len(self._points))]

    def close(self) -> None:
        """Take a last sample, and none any more."""
        self._ended.set()
        if self._seconds is not None:
            self._thread.join(_SECONDS_TO_END)

    def _watch(self) -> None:
        try:
            monitors, ended = self._monitors(), False
            read(monitors)  # the share of a processor is that since the sample before
            while not ended:
                ended = self._ended.wait(self._seconds)
                self.sample(monitors)
        except Exception as error:  # noqa: BLE001  # whatever the system does not tell is no reason to end a run
            logger.warning("Processor, memory and GPU are not recorded any more: %s", in_one_line(error))

    def sample(self, monitors: Sequence[Any]) -> None:
        """Take a sample, within the thread."""
        when = now()
        step, figures = (when - self._started) // 1000, read(monitors) | _memory_of_process()
        self._points.extend((f"{PREFIX}{name}", value, step, when) for name, value in figures.items())


def read(monitors: Sequence[Any]) -> dict[str, float]:
    """What MLflow's monitors tell at present, by its names."""
    figures: dict[str, float] = {}
    for monitor in monitors:
        monitor.collect_metrics()
        figures |= {name: float(value) for name, value in monitor.aggregate_metrics().items()}
        monitor.clear_metrics()
    return figures


def _memory_of_process() -> dict[str, float]:
    """The one figure here that is of this process alone: several runs may share a machine."""
    import psutil

    return {"process_memory_usage_megabytes": psutil.Process().memory_info().rss / 1e6}


def monitors_of_machine() -> list[Any]:
    """MLflow's monitors of processor and memory, and of all GPUs where NVIDIA's driver and its Python client are."""
    from mlflow.system_metrics.metrics import cpu_monitor, gpu_monitor

    # It warns at each sample of what a GPU does not tell.
    logging.getLogger(gpu_monitor.__name__).setLevel(logging.ERROR)
    monitors = [cpu_monitor.CPUMonitor()]
    with suppress(Exception):
        monitors.append(gpu_monitor.GPUMonitor())
    return monitors
