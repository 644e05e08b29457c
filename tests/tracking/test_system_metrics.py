"""Samples of the machine: named as MLflow names them, whatever becomes of the store, and no reason to fail."""

import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import pytest
from mlflow.system_metrics.metrics import gpu_monitor

from mnist_resnet.tracking import recorder
from mnist_resnet.tracking.offline.spool import read_spool
from mnist_resnet.tracking.operations import LogMetrics
from mnist_resnet.tracking.run_creation import now
from mnist_resnet.tracking.system_metrics import SystemMetrics, monitors_of_machine, read
from mnist_resnet.tracking.tracked_run import TrackedRun

ALWAYS = {
    "system/cpu_utilization_percentage",
    "system/system_memory_usage_megabytes",
    "system/system_memory_usage_percentage",
    "system/process_memory_usage_megabytes",
}
_SECONDS = 30.0


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "system metrics"]


class Made:
    """A monitor that tells what it is given, and then nothing."""

    def __init__(self, values: Sequence[float]) -> None:
        self.left = list(values)

    def collect_metrics(self) -> None:
        self.value = self.left.pop(0)

    def aggregate_metrics(self) -> dict[str, float]:
        return {"made": self.value}

    def clear_metrics(self) -> None:
        del self.value


def test_each_sample_has_its_time_and_the_seconds_since_the_run_began() -> None:
    began = now()
    samples = SystemMetrics(began - 60_000, seconds=1000)
    samples.close()
    points = samples.take()
    assert {name for name, *_ in points} >= ALWAYS
    assert {step for _, _, step, _ in points} == {(points[0][3] - began) // 1000 + 60}
    assert all(began <= when <= now() for *_, when in points)
    assert (samples.take(), threads()) == ([], [])


def test_samples_are_taken_until_it_is_closed_and_handed_out_once() -> None:
    samples = SystemMetrics(now(), 0.01, lambda: [Made(range(10_000))])
    taken = []
    until(lambda: bool(taken.extend(samples.take())) or len(taken) > 20)
    samples.close()
    made = [value for name, value, *_ in [*taken, *samples.take()] if name == "system/made"]
    # The first only begins the time that a processor's share is counted over.
    assert made == [float(value) for value in range(1, len(made) + 1)]


def test_without_a_period_there_are_none() -> None:
    samples = SystemMetrics(now(), None)
    assert threads() == []
    samples.close()
    assert samples.take() == []


def test_a_system_that_tells_nothing_any_more_fails_no_run(caplog: pytest.LogCaptureFixture) -> None:
    samples = SystemMetrics(now(), 0.01, lambda: [Made([1, 2, 3])])
    until(lambda: threads() == [])
    samples.close()
    assert [value for name, value, *_ in samples.take() if name == "system/made"] == [2.0, 3.0]
    (warned,) = caplog.messages
    assert "not recorded any more" in warned


def test_gpus_are_told_of_where_there_are_any(monkeypatch: pytest.MonkeyPatch) -> None:
    rates, memory = SimpleNamespace(gpu=87), SimpleNamespace(used=6e9, total=80e9)
    answers: dict[str, Any] = {
        "nvmlInit": None,
        "nvmlDeviceGetCount": 2,
        "nvmlDeviceGetHandleByIndex": None,
        "nvmlDeviceGetMemoryInfo": memory,
        "nvmlDeviceGetUtilizationRates": rates,
        "nvmlDeviceGetPowerUsage": 350_000,
        "nvmlDeviceGetEnforcedPowerLimit": 700_000,
    }
    driver = SimpleNamespace(
        NVMLError=RuntimeError, **{name: lambda *_, answer=answer: answer for name, answer in answers.items()}
    )
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    monkeypatch.setattr(gpu_monitor, "pynvml", driver, raising=False)
    figures = read(monitors_of_machine())
    assert (figures["gpu_1_utilization_percentage"], figures["gpu_1_memory_usage_megabytes"]) == (87, 6000)
    assert figures["gpu_0_power_usage_percentage"] == 50


def test_where_the_store_goes_away_samples_are_kept_and_cost_no_further_request(
    open_run: Callable[..., TrackedRun], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[None] = []

    def away(*_: object) -> None:
        asked.append(None)
        raise ConnectionResetError

    monkeypatch.setattr("mnist_resnet.tracking.store.availability.PATIENCE", 0.0)
    run = open_run()
    samples = SystemMetrics(run.started, 0.01)
    monkeypatch.setattr(recorder, "perform", away)
    taken = []
    for _ in range(2):
        until(lambda: bool(points := samples.take()) and not taken.append(points))
        run.log_points(taken[-1])
    samples.close()
    assert len(asked) == 1
    assert run.recorder.spool_folder is not None
    kept = [each for each in read_spool(run.recorder.spool_folder)[1] if isinstance(each, LogMetrics)]
    assert [[tuple(point) for point in each.points] for each in kept] == taken
    monkeypatch.undo()
    run.close("FINISHED")
    mlflow.set_tracking_uri(None)
