"""What two runs came to, and how much of that is the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_resnet.comparison.compared_steps import Values, comparable_metrics
from mnist_resnet.evaluation.metrics import accuracy_interval
from mnist_resnet.evaluation.parity import Parity, ParityError, compare

Pair = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]
_IDENTICAL = Parity(max_abs_diff=0.0, argmax_agreement=1.0)


class Level(IntEnum):
    """How much of two runs is the same; each level implies those below it."""

    DIFFERENT = 0
    STATISTICAL = 1
    NUMERIC = 2
    BITWISE = 3


@dataclass(frozen=True)
class Tolerances:
    """What two runs may differ by.

    Attributes:
        probability: NUMERIC: the largest difference of two probabilities of one image and class. The default is what
            equal weights may give in another order of additions (docs/decisions/0012-tolerance-of-numeric.md).
        accuracy: STATISTICAL: the largest difference of two accuracies. None is half the width of the 95 %
            confidence interval (Wilson) of the first run's, which chance in the choice of test images explains.
    """

    probability: float = 1e-5
    accuracy: float | None = None


@dataclass(frozen=True)
class Outcome:
    """The probabilities and metrics of two runs on one data set, compared.

    Attributes:
        parity: How far the probabilities agree; None if that is not known.
        metrics: Those of both runs that do not depend on the clock, in pairs.
        accuracy_tolerance: By which accuracies are compared; None if there is nothing to take it from.
    """

    parity: Parity | None
    metrics: Mapping[str, tuple[Any, Any]]
    accuracy_tolerance: float | None

    def level(self, probability_tolerance: float) -> Level:
        """The level short of BITWISE, of which the outcome alone says nothing."""
        accuracies = [pair for name, pair in self.metrics.items() if name.endswith("accuracy")]
        near = all(abs(before - after) <= (self.accuracy_tolerance or 0) for before, after in accuracies)
        parity = self.parity
        if near and parity and parity.max_abs_diff <= probability_tolerance and parity.argmax_agreement == 1:
            return Level.NUMERIC
        return Level.STATISTICAL if near and accuracies else Level.DIFFERENT


def compare_outcomes(
    first: Mapping[str, Values], second: Mapping[str, Values], probabilities: Pair | None, tolerances: Tolerances
) -> Outcome:
    """Compare what two runs came to on one data set.

    Args:
        first: The recorded values of each stage of one run.
        second: Those of the other.
        probabilities: Both arrays, float32 (images, classes), where they are there.
        tolerances: What the runs may differ by.
    """
    before, after = (comparable_metrics(each.get("metrics", {})) for each in (first, second))
    metrics = {name: (before[name], after[name]) for name in before if name in after}
    return Outcome(_parity(first, second, probabilities), metrics, _accuracy_tolerance(first, tolerances))


def _parity(first: Mapping[str, Values], second: Mapping[str, Values], probabilities: Pair | None) -> Parity | None:
    recorded = [each.get("probabilities") for each in (first, second)]
    if None not in recorded and recorded[0] == recorded[1]:
        return _IDENTICAL
    if probabilities is None:
        return None
    try:
        return compare(*probabilities)
    except ParityError:
        return None


def _accuracy_tolerance(first: Mapping[str, Values], tolerances: Tolerances) -> float | None:
    if tolerances.accuracy is not None:
        return tolerances.accuracy
    accuracy = first.get("metrics", {}).get("test_accuracy")
    images = first.get("probabilities", {}).get("images")
    if accuracy is None or not images:
        return None
    low, high = accuracy_interval(round(accuracy * images), images)
    return (high - low) / 2
