"""The scheduler of trials that are known before."""

from dataclasses import replace

from mnist_resnet.sweep.plan import Trial
from mnist_resnet.sweep.trial_result import Status, TrialResult
from mnist_resnet.sweep.trial_scheduler import FixedList
from tests.sweep.test_plan import PLAN

TRIALS = tuple(Trial(number, {"mnist.training.seed": number}) for number in range(5))
OF_FIVE = replace(PLAN, trials=TRIALS)


def asked(scheduler: FixedList) -> list[int]:
    return [trial.number for trial in iter(scheduler.ask, None)]


def ended(number: int, status: Status) -> TrialResult:
    return TrialResult(TRIALS[number], status, None, 1.0)


def test_each_trial_is_given_once_in_order() -> None:
    scheduler = FixedList(OF_FIVE)
    assert asked(scheduler) == [0, 1, 2, 3, 4]
    assert scheduler.ask() is None


def test_a_resumed_sweep_repeats_nothing_that_is_done_and_begins_with_what_was_begun() -> None:
    scheduler = FixedList(OF_FIVE)
    scheduler.resume([ended(0, "FINISHED"), ended(2, "KILLED"), ended(3, "FAILED")])
    assert asked(scheduler) == [2, 3, 1, 4]


def test_none_is_stopped() -> None:
    assert not FixedList(OF_FIVE).report(TRIALS[0], 1, float("nan"))
