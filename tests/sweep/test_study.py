"""The scheduler of a search: what Optuna is asked and told."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from mnist_resnet.sweep.plan import SweepPlan, Trial
from mnist_resnet.sweep.search_space import Choice, Range
from mnist_resnet.sweep.study import Study
from mnist_resnet.sweep.trial_result import Figures, Status, TrialResult
from mnist_resnet.sweep.trial_scheduler import TrialScheduler
from tests.sweep.test_plan import PLAN

pytestmark = pytest.mark.scale

RATE, HEAD = "mnist.training.learning_rate", "mnist.model.head"
RATES = Range(0.001, 1.0, True, None, False)


def search(space: Mapping[str, Range | Choice], count: int, prune: bool = False) -> SweepPlan:
    return replace(PLAN, trials=(), space=space, count=count, prune=prune)


def result(
    trial: Trial, loss: float | None, status: Status = "FINISHED", losses: tuple[float, ...] = ()
) -> TrialResult:
    return TrialResult(trial, status, None, 1.0, {"mnist": Figures(loss, 0.9, 0.9, len(losses), losses)})


def trials_of(scheduler: TrialScheduler, status: Status = "FINISHED") -> list[Trial]:
    """All trials that a scheduler gives, each with the loss that is least at a rate of 0.1."""
    given = []
    for trial in iter(scheduler.ask, None):
        given.append(trial)
        loss = abs(trial.overrides[RATE] - 0.1) if RATE in trial.overrides else 0.5
        scheduler.tell(result(trial, loss, status))
    return given


def test_there_are_as_many_trials_as_planned_and_no_two_alike() -> None:
    given = trials_of(Study(search({RATE: RATES}, 15)))
    assert [trial.number for trial in given] == list(range(15))
    assert len({trial.identity for trial in given}) == 15
    assert all(0.001 <= trial.overrides[RATE] <= 1 for trial in given)


def test_the_same_search_draws_the_same_trials() -> None:
    assert trials_of(Study(search({RATE: RATES}, 15))) == trials_of(Study(search({RATE: RATES}, 15)))


def test_a_search_gets_nearer_to_what_is_best() -> None:
    given = trials_of(Study(search({RATE: Range(0.0, 10.0, False, None, False)}, 40)))
    distances = [abs(trial.overrides[RATE] - 0.1) for trial in given]
    assert sum(distances[20:]) < sum(distances[:20]) / 2


def test_a_small_space_is_given_whole_each_point_once_as_it_was_written() -> None:
    heads: tuple[Any, ...] = ("flatten", None, [1, 2], True, 1)
    space = {HEAD: Choice(heads), "mnist.training.momentum": Range(0.0, 0.3, False, 0.1, False)}
    given = trials_of(Study(search(space, 20)))
    values = [(repr(trial.overrides[HEAD]), trial.overrides["mnist.training.momentum"]) for trial in given]
    assert sorted(values) == sorted((repr(head), rate) for head in heads for rate in (0.0, 0.1, 0.2, 0.3))


def test_trials_that_run_at_the_same_time_differ() -> None:
    scheduler = Study(search({HEAD: Choice(("a", "b", "c"))}, 3))
    assert {trial.overrides[HEAD] for trial in iter(scheduler.ask, None)} == {"a", "b", "c"}


def reported(scheduler: TrialScheduler, trial: Trial, losses: tuple[float, ...]) -> list[bool]:
    return [scheduler.report(trial, epoch, loss) for epoch, loss in enumerate(losses, start=1)]


@pytest.fixture
def after_five() -> tuple[TrialScheduler, Trial]:
    """A scheduler that prunes, with five finished trials, and the sixth."""
    scheduler = Study(search({RATE: RATES}, 10, prune=True))
    for _ in range(5):
        trial = scheduler.ask()
        assert trial is not None
        assert reported(scheduler, trial, (1.0, 0.5)) == [False, False]
        scheduler.tell(result(trial, 0.5))
    sixth = scheduler.ask()
    assert sixth is not None
    return scheduler, sixth


def test_a_trial_that_is_worse_than_the_median_is_stopped(after_five: tuple[TrialScheduler, Trial]) -> None:
    scheduler, trial = after_five
    assert reported(scheduler, trial, (0.9, 0.6)) == [False, True]
    scheduler.tell(result(trial, None, "PRUNED"))
    assert scheduler.ask() is not None


def test_an_epoch_may_be_reported_again(after_five: tuple[TrialScheduler, Trial]) -> None:
    scheduler, trial = after_five
    assert not scheduler.report(trial, 1, 0.9)
    assert not scheduler.report(trial, 1, 7.0)  # the first report stands
    assert scheduler.report(trial, 2, 0.6)
    assert scheduler.report(trial, 2, 0.6)  # killed before it could stop, and started again
    scheduler.tell(result(trial, None, "PRUNED"))
    assert scheduler.report(trial, 3, 0.1)  # too late
    scheduler.tell(result(trial, None, "PRUNED"))


def test_a_loss_that_is_no_number_is_worse_than_all(after_five: tuple[TrialScheduler, Trial]) -> None:
    scheduler, trial = after_five
    assert scheduler.report(trial, 1, float("nan"))


def test_none_is_stopped_unless_asked_for() -> None:
    scheduler = Study(search({RATE: RATES}, 10))
    for _ in range(7):
        trial = scheduler.ask()
        assert trial is not None
        assert reported(scheduler, trial, (1.0, 5.0)) == [False, False]
        scheduler.tell(result(trial, 5.0))


@pytest.mark.parametrize("status", ["FAILED", "KILLED", "PRUNED"])
def test_a_search_goes_on_after_trials_without_figures(status: Status) -> None:
    scheduler = Study(search({RATE: RATES}, 25))
    for number in range(25):
        trial = scheduler.ask()
        assert trial is not None
        scheduler.tell(
            TrialResult(trial, status, None, 1.0) if number % 2 else result(trial, 0.1 + trial.overrides[RATE])
        )
    assert scheduler.ask() is None


@pytest.mark.parametrize("loss", [None, float("nan"), float("inf")])
def test_a_finished_trial_without_a_finite_loss_teaches_nothing(loss: float | None) -> None:
    scheduler = Study(search({RATE: RATES}, 2))
    trial = scheduler.ask()
    assert trial is not None
    scheduler.tell(result(trial, loss))
    assert scheduler.ask() is not None


def test_a_trial_that_fails_is_avoided() -> None:
    """Trainings above a rate of 1 diverge: the sampler is to leave them."""
    scheduler, given = Study(search({RATE: Range(0.0, 10.0, False, None, False)}, 40)), []
    for trial in iter(scheduler.ask, None):
        given.append(trial.overrides[RATE])
        diverges = trial.overrides[RATE] > 1
        scheduler.tell(
            TrialResult(trial, "FAILED", None, 1.0) if diverges else result(trial, 1 - trial.overrides[RATE])
        )
    assert sum(rate > 1 for rate in given[20:]) <= 15  # 13; 19 if Optuna were told that these failed


def test_a_resumed_search_repeats_nothing_and_goes_on_from_what_it_knows() -> None:
    plan = search({RATE: RATES}, 20, prune=True)
    first = Study(plan)
    done = []
    for _ in range(8):
        trial = first.ask()
        assert trial is not None
        reported(first, trial, (1.0, 0.5))
        done.append(result(trial, 0.5, losses=(1.0, 0.5)))
        first.tell(done[-1])
    killed, pruned, failed = first.ask(), first.ask(), first.ask()
    assert killed is not None
    assert pruned is not None
    assert failed is not None
    ended = [
        result(killed, None, "KILLED", (1.0,)),
        result(pruned, None, "PRUNED", (3.0,)),
        TrialResult(failed, "FAILED", None, 1.0),
    ]

    second = Study(plan)
    second.resume([*done, *ended])
    again = [second.ask(), second.ask()]
    assert again == [killed, failed]
    following = second.ask()
    assert following is not None
    assert following.number == 11
    assert second.report(following, 1, 2.0)  # by the losses of the eight that finished before
    rest = [following, *trials_of(second)]
    assert len(rest) == 20 - 11
    identities = {trial.identity for trial in rest}
    assert len(identities) == len(rest)
    assert not identities & {each.trial.identity for each in (*done, *ended)}


def test_what_is_finished_is_not_asked_for_again() -> None:
    plan = search({RATE: RATES}, 3)
    first = Study(plan)
    done = [result(trial, 0.5) for trial in iter(first.ask, None)]
    second = Study(plan)
    second.resume(done)
    assert second.ask() is None
