"""The results of two runs on one data set, and how much of them is the same."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_resnet.comparison.compared_steps import comparable_metrics
from mnist_resnet.comparison.level import Level, Tolerances
from mnist_resnet.evaluation.metrics import accuracy_interval
from mnist_resnet.evaluation.parity import Parity, ParityError, compare
from mnist_resnet.provenance.steps import Values

Pair = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]
Metrics = Mapping[str, tuple[Any, Any]]


def metrics_of_both(first: Mapping[str, Values], second: Mapping[str, Values]) -> Metrics:
    """The metrics that both runs have and that do not depend on the clock, in pairs.

    Args:
        first: The recorded values of each step of one run.
        second: Those of the other.
    """
    before, after = (comparable_metrics(each.get("metrics", {})) for each in (first, second))
    return {name: (before[name], after[name]) for name in before if name in after}


def parity_of(first: Mapping[str, Values], second: Mapping[str, Values], probabilities: Pair | None) -> Parity | None:
    """How far the probabilities of two runs agree; None if that is not known.

    Args:
        first: The recorded values of each step of one run.
        second: Those of the other.
        probabilities: Both arrays, float32 (images, classes), where they are there.
    """
    recorded = first.get("probabilities")
    if recorded is not None and recorded == second.get("probabilities"):
        return Parity(max_abs_diff=0.0, argmax_agreement=1.0)
    try:
        return compare(*probabilities) if probabilities else None
    except ParityError:
        return None


def accuracy_tolerance(first: Mapping[str, Values], tolerances: Tolerances) -> float | None:
    """By how much accuracies may differ; None if there is nothing to take it from.

    Args:
        first: The recorded values of each step of the first run.
        tolerances: What the runs may differ by.
    """
    if tolerances.accuracy is not None:
        return tolerances.accuracy
    accuracy = first.get("metrics", {}).get("test_accuracy")
    images = first.get("probabilities", {}).get("images")
    if accuracy is None or not images:
        return None
    low, high = accuracy_interval(round(accuracy * images), images)
    return (high - low) / 2


def outcome_level(parity: Parity | None, metrics: Metrics, probability: float, accuracy: float | None) -> Level:
    """The level short of BITWISE, of which the results alone say nothing.

    Args:
        parity: As ``parity_of`` gives it.
        metrics: As ``metrics_of_both`` gives them.
        probability: The largest difference of two probabilities.
        accuracy: The largest difference of two accuracies; none if None.
    """
    accuracies = [pair for name, pair in metrics.items() if name.endswith("accuracy")]
    near = all(abs(before - after) <= (accuracy or 0) for before, after in accuracies)
    if near and parity and parity.max_abs_diff <= probability and parity.argmax_agreement == 1:
        return Level.NUMERIC
    return Level.STATISTICAL if near and accuracies else Level.DIFFERENT
