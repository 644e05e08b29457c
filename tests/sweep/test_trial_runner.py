"""The trials of a sweep that ends before they do; Ray and its processes are stood in for."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from mnist_resnet.sweep import trial_runner
from mnist_resnet.sweep.plan import Trial
from mnist_resnet.sweep.trial_runner import TrialRunner
from tests.sweep.made_results import SEED, plan_of

TRIALS = [Trial(number, {SEED: number}) for number in range(2)]


class MadeRay:
    """Stands for Ray: every trial runs until it is cancelled, and the first look at them is interrupted."""

    def __init__(self) -> None:
        self.cancelled: list[tuple[str, bool]] = []
        self.waits: list[tuple[list[str], float]] = []
        self.given = iter(TRIALS)

    def get(self, _asked: Any) -> Trial | None:
        return next(self.given, None)

    def wait(self, references: list[str], num_returns: int, timeout: float) -> tuple[list[str], list[str]]:
        self.waits.append((references, timeout))
        if len(self.waits) == 1:
            raise KeyboardInterrupt
        return references[:num_returns], []

    def cancel(self, reference: str, force: bool) -> None:
        self.cancelled.append((reference, force))


@pytest.fixture
def close(monkeypatch: pytest.MonkeyPatch) -> MagicMock:
    """Stands for what ends the runs of trials whose processes are dead."""
    closing = MagicMock()
    monkeypatch.setattr(trial_runner, "close_dead_children", closing)
    return closing


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[MadeRay], TrialRunner]:
    """A runner of two trials at once, whose references are their numbers."""
    monkeypatch.setattr(trial_runner, "start_scheduler", lambda *_: MagicMock())
    monkeypatch.setattr(trial_runner, "start_trial", lambda _ray, task, _scheduler: f"trial {task.trial.number}")
    monkeypatch.setattr(trial_runner, "trials_at_once", lambda *_: 2)
    monkeypatch.setattr(trial_runner, "SharedData", MagicMock())
    run = SimpleNamespace(uri="sqlite://", experiment="made", run_id="0123456789abcdef")
    return lambda ray: TrialRunner(ray, plan_of(*TRIALS), tmp_path, run, MagicMock())  # type: ignore[arg-type]


def test_an_interruption_ends_all_trials_in_order_and_closes_their_runs(
    runner: Callable[[MadeRay], TrialRunner], close: MagicMock
) -> None:
    ray = MadeRay()
    trials = runner(ray)
    with pytest.raises(KeyboardInterrupt):
        trials.run()
    both = ["trial 0", "trial 1"]
    assert ray.cancelled == [(reference, False) for reference in both]
    _, (awaited, seconds) = ray.waits
    assert awaited == both
    assert seconds < 5  # what a terminal or a cluster's scheduler gives a process to end, at the least
    close.assert_called_once_with(trials.record)


def test_a_store_that_is_away_does_not_hide_what_has_stopped_the_sweep(
    runner: Callable[[MadeRay], TrialRunner], close: MagicMock
) -> None:
    close.side_effect = ConnectionError("the store is away")
    with pytest.raises(KeyboardInterrupt):
        runner(MadeRay()).run()
    close.assert_called_once()


def test_nothing_is_cancelled_where_no_trial_runs(
    runner: Callable[[MadeRay], TrialRunner], close: MagicMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial_runner, "start_trial", MagicMock(side_effect=KeyboardInterrupt))
    ray = MadeRay()
    with pytest.raises(KeyboardInterrupt):
        runner(ray).run()
    assert (ray.cancelled, ray.waits) == ([], [])
    close.assert_called_once()
