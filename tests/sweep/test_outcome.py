"""What a sweep comes to: the winner, sweep.json, and metrics of the parent run."""

import math
from dataclasses import replace

import pytest

from mnist_resnet.sweep.outcome import SweepOutcome, outcome_of
from mnist_resnet.sweep.plan import SweepPlan, Trial
from mnist_resnet.sweep.promotion import Promotion
from mnist_resnet.sweep.trial_result import TrialResult
from tests.sweep.made_results import NESTEROV, RATE, SEED, failed, figures, made_sweep, plan_of, read_outcome, result

SEEDS = [Trial(number, {SEED: number}) for number in range(4)]
GRID = [Trial(2 * place + seed, {RATE: rate, SEED: seed}) for place, rate in enumerate((0.1, 0.2)) for seed in (0, 1)]


def came_to(plan: SweepPlan, *results: TrialResult) -> SweepOutcome:
    return outcome_of(plan, results, 60.0, "parent")


def test_trials_that_differ_only_by_seed_are_a_group_and_the_lowest_mean_loss_comes_first() -> None:
    losses = (0.30, 0.10, 0.15, 0.15)  # the single best is in the worse group
    outcome = came_to(plan_of(*GRID), *(result(trial, loss) for trial, loss in zip(GRID, losses, strict=True)))
    assert [group.trials for group in outcome.groups] == [(2, 3), (0, 1)]
    assert [group.overrides for group in outcome.groups] == [{RATE: 0.2}, {RATE: 0.1}]
    assert outcome.winners["mnist"].trial == 1


def test_figures_of_the_test_images_choose_no_winner() -> None:
    results = [result(SEEDS[0], 0.2, accuracy=0.99, test=0.999), result(SEEDS[1], 0.1, accuracy=0.9, test=0.5)]
    outcome = came_to(plan_of(*SEEDS[:2]), *results)
    assert (outcome.winners["mnist"].trial, outcome.winners["mnist"].run_id) == (1, "run1")


def test_only_finished_trials_count() -> None:
    results = [result(SEEDS[0], 0.2), result(SEEDS[1], 0.01, "PRUNED"), failed(SEEDS[2]), result(SEEDS[3], 0, "KILLED")]
    outcome = came_to(plan_of(*SEEDS), *results)
    assert [group.trials for group in outcome.groups] == [(0,)]
    assert outcome.winners["mnist"].trial == 0
    assert outcome.counts() == {"FINISHED": 1, "PRUNED": 1, "FAILED": 1, "KILLED": 1}


@pytest.mark.parametrize("loss", [None, math.nan, math.inf])
def test_without_a_finite_loss_there_is_no_winner(loss: float | None) -> None:
    outcome = came_to(plan_of(SEEDS[0]), result(SEEDS[0], loss))
    assert outcome.winners == {}
    assert outcome.metrics()["mnist/test_accuracy/mean"] == 0.99
    assert read_outcome(outcome.as_json()).winners == {}


def test_trials_that_are_validated_on_different_images_have_no_winner() -> None:
    trials = [Trial(number, {"mnist.data.training_images": 1000 * (number + 1)}) for number in range(2)]
    assert came_to(plan_of(*trials), *map(result, trials)).winners == {}


def test_each_data_set_has_its_winner() -> None:
    plan = plan_of(*SEEDS[:2], namespaces=("mnist", "fashion_mnist"))
    losses = ((0.1, 0.5), (0.2, 0.4))
    results = [
        TrialResult(trial, "FINISHED", None, 1.0, {"mnist": figures(first), "fashion_mnist": figures(second)})
        for trial, (first, second) in zip(SEEDS, losses, strict=False)
    ]
    winners = came_to(plan, *results).winners
    assert {name: winner.trial for name, winner in winners.items()} == {"mnist": 0, "fashion_mnist": 1}


@pytest.mark.parametrize(
    ("results", "succeeded"),
    [
        ([result(SEEDS[0]), result(SEEDS[1], status="PRUNED")], True),
        ([result(SEEDS[0]), failed(SEEDS[1])], False),
        ([result(SEEDS[0]), result(SEEDS[1], status="KILLED")], False),
        ([result(SEEDS[0])], False),
    ],
)
def test_a_sweep_has_succeeded_if_each_trial_finished_or_was_pruned(results, succeeded: bool) -> None:
    assert came_to(plan_of(*SEEDS[:2]), *results).succeeded is succeeded


@pytest.mark.parametrize("is_failed", [True, False])
def test_a_sweep_whose_winner_could_not_be_offered_has_not_succeeded(is_failed: bool) -> None:
    outcome = came_to(plan_of(SEEDS[0]), result(SEEDS[0]))
    promotion = Promotion(0, "run", None, champion=False, reason="not better", failed=is_failed)
    assert replace(outcome, promotions={"mnist": promotion}).succeeded is not is_failed


def test_sweep_json_is_read_as_it_was_written() -> None:
    trials = [Trial(number, {RATE: 0.1 * number, NESTEROV: bool(number % 2)}) for number in range(6)]
    outcome = made_sweep(plan_of(*trials), statuses=("FINISHED", "PRUNED", "FAILED"))
    assert read_outcome(outcome.as_json()) == outcome


def test_losses_that_are_no_numbers_can_be_written_and_read() -> None:
    outcome = came_to(plan_of(SEEDS[0]), result(SEEDS[0], math.nan), result(SEEDS[1], math.inf))
    assert b"NaN" in outcome.as_json()
    read = read_outcome(outcome.as_json())
    assert math.isnan(read.trials[0].figures["mnist"].losses[0])
    assert read.trials[1].figures["mnist"].validation_loss == math.inf


def test_the_metrics_are_those_of_the_winners_group() -> None:
    outcome = came_to(
        plan_of(*GRID), *(result(trial, loss) for trial, loss in zip(GRID, (3.0, 2.0, 1.0, 4.0), strict=True))
    )
    metrics = outcome.metrics()
    assert metrics["trials_finished"] == 4
    assert metrics["mnist/winner/validation_loss"] == 1
    assert metrics["mnist/validation_loss/mean"] == 2.5
    assert metrics["mnist/validation_loss/n"] == 2
    assert {f"mnist/test_accuracy/{name}" for name in ("mean", "standard_deviation", "n", "worst", "best")} <= set(
        metrics
    )
    assert all(isinstance(value, float) and math.isfinite(value) for value in metrics.values())


def test_without_a_winner_several_groups_have_no_leading_one() -> None:
    outcome = came_to(plan_of(*GRID), *(result(trial, None) for trial in GRID))
    assert outcome.metrics() == {"trials_finished": 4}
    assert came_to(replace(plan_of(*GRID))).metrics() == {}
