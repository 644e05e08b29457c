"""The scheduler of a sweep: which trials there are, and which stop early."""

from collections import deque
from collections.abc import Iterable
from typing import Protocol

from mnist_resnet.sweep.plan import SweepPlan, Trial
from mnist_resnet.sweep.trial_result import DONE, TrialResult


class TrialScheduler(Protocol):
    """Whoever decides which trials are run. It never sees a figure of the test images before a trial is over."""

    def resume(self, earlier: Iterable[TrialResult]) -> None:
        """Take up what the same sweep has come to before; called once, before anything else.

        Args:
            earlier: One result for each trial that was begun. What is FINISHED or PRUNED is not asked for again.
                What is FAILED or KILLED is asked for first, under its number.
        """

    def ask(self) -> Trial | None:
        """The next trial to run; None if there is no further one."""

    def report(self, trial: Trial, epoch: int, validation_loss: float) -> bool:
        """Take note of an epoch.

        Args:
            trial: That is running.
            epoch: Counted from 1. A trial that goes on from a checkpoint may report an epoch again.
            validation_loss: After this epoch.

        Returns:
            Whether the trial is to stop.
        """

    def tell(self, result: TrialResult) -> None:
        """Take note of how a trial has ended."""


class FixedList:
    """The scheduler of trials that are all known before; none stops early.

    Args:
        plan: The trials.
    """

    def __init__(self, plan: SweepPlan) -> None:
        self._waiting = deque(plan.trials)

    def resume(self, earlier: Iterable[TrialResult]) -> None:
        """Leave out what is done, and begin with what was begun."""
        results = {result.trial.identity: result.status for result in earlier}
        left = [trial for trial in self._waiting if results.get(trial.identity) not in DONE]
        self._waiting = deque(sorted(left, key=lambda trial: trial.identity not in results))

    def ask(self) -> Trial | None:
        """The next trial of the list."""
        return self._waiting.popleft() if self._waiting else None

    def report(self, trial: Trial, epoch: int, validation_loss: float) -> bool:
        """Let every trial go on."""
        return False

    def tell(self, result: TrialResult) -> None:
        """Take no note: the list is fixed."""
