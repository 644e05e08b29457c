"""Trials that differ only by seed, and the statistics of their figures."""

import math
import statistics

import pytest

from mnist_resnet.sweep.plan import Trial
from mnist_resnet.sweep.trial_groups import Statistics, finite, groups_of
from tests.sweep.made_results import SEED, figures, result

SEEDS = [Trial(number, {SEED: number}) for number in range(4)]


def test_the_statistics_of_seeds_are_those_of_the_sample() -> None:
    losses, accuracies = (0.1, 0.3, 0.2, 0.2), (0.99, 0.97, 0.98, 0.985)
    results = [result(*each[:2], test=each[2]) for each in zip(SEEDS, losses, accuracies, strict=True)]
    (group,) = groups_of(results)
    assert group.trials == (0, 1, 2, 3)
    assert group.overrides == {}
    deviation = statistics.stdev(accuracies)
    assert group.statistics["mnist"]["test_accuracy"] == Statistics(
        pytest.approx(0.98125), pytest.approx(deviation), 4, 0.97, 0.99
    )
    loss = group.statistics["mnist"]["validation_loss"]
    assert (loss.worst, loss.best) == (0.3, 0.1)
    assert (group.seconds.worst, group.seconds.best) == (10, 10)


def test_a_single_trial_has_no_deviation() -> None:
    (group,) = groups_of([result(SEEDS[0])])
    assert group.statistics["mnist"]["test_accuracy"].standard_deviation is None


def test_figures_that_are_no_finite_numbers_are_left_out() -> None:
    known = [figures(loss) for loss in (0.1, None, math.nan, math.inf)]
    assert finite(known, "validation_loss") == [0.1]
    (group,) = groups_of([result(SEEDS[0], math.nan), result(SEEDS[1], 0.2)])
    assert group.statistics["mnist"]["validation_loss"].n == 1
