"""The verdict on two runs: the same bit for bit, in numbers, in quality, or not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_resnet.comparison.causes import Cause, differences, likely_causes
from mnist_resnet.comparison.compared_steps import StepComparison, comparable_metrics, compare_steps
from mnist_resnet.comparison.level import Level, Tolerances
from mnist_resnet.errors import UserError
from mnist_resnet.evaluation.metrics import accuracy_interval
from mnist_resnet.evaluation.parity import Parity, ParityError, compare
from mnist_resnet.provenance.record import Provenance
from mnist_resnet.provenance.steps import Values

Pair = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]
MetricPairs = Mapping[str, tuple[Any, Any]]


class UndecidableError(UserError, ValueError):
    """Two runs of which it cannot be told whether they came out the same; the message says why."""


@dataclass(frozen=True)
class NamespaceVerdict:
    """The verdict on one data set.

    Attributes:
        level: How much is the same.
        steps: Each step that either run has, in the order of the flow.
        likely: What may have made the first step that differs do so, the likeliest first.
        other: What else differs between what the two runs were made from.
        deterministic: Whether training was asked to be so, in both runs.
        parity: How far the probabilities agree; None if they are not recorded of both.
        accuracy_tolerance: By which accuracies were compared; None if there are none.
        metrics: Those of both runs that do not depend on the clock, in pairs.
    """

    level: Level
    steps: tuple[StepComparison, ...]
    likely: tuple[Cause, ...]
    other: tuple[Cause, ...]
    deterministic: bool
    parity: Parity | None
    accuracy_tolerance: float | None
    metrics: MetricPairs

    @property
    def first_difference(self) -> StepComparison | None:
        """The first step that differs."""
        return next((step for step in self.steps if step.status == "different"), None)

    def cause_in_words(self) -> str:
        """The likely cause of the first difference; empty if nothing differs."""
        if self.first_difference is None:
            return ""
        if self.likely:
            return "; ".join(cause.in_words() for cause in self.likely)
        if self.first_difference.name == "raw_data":
            return "the published files"
        asked = "true" if self.deterministic else "false"
        return f"nothing recorded explains it; probably nondeterministic operations (training.deterministic is {asked})"


@dataclass(frozen=True)
class Verdict:
    """The verdict on two runs: the lowest of their data sets, and each of these.

    There is no verdict on ``only_first`` and ``only_second``, data sets of one run that the other lacks, nor on
    ``nothing_shared``, data sets of which the runs have no step in common.
    """

    level: Level
    namespaces: Mapping[str, NamespaceVerdict]
    tolerances: Tolerances
    only_first: tuple[str, ...] = ()
    only_second: tuple[str, ...] = ()
    nothing_shared: tuple[str, ...] = ()


def compare_runs(
    first: Provenance,
    second: Provenance,
    probabilities: Mapping[str, Pair] | None = None,
    tolerances: Tolerances | None = None,
) -> Verdict:
    """Compare two runs.

    Args:
        first: The provenance of one run.
        second: That of the other.
        probabilities: For each data set of which both runs have them, both arrays of test probabilities, float32
            (images, classes). Without them, probabilities are the same or unknown, as their digests tell.
        tolerances: What the runs may differ by.

    Raises:
        UndecidableError: If the runs have no step of any data set in common.
    """
    allowed, arrays = tolerances or Tolerances(), probabilities or {}
    names = [set(record.namespaces) for record in (first, second)]
    verdicts = {
        name: _compare_namespace(first, second, name, arrays.get(name), allowed) for name in sorted(names[0] & names[1])
    }
    known = {name: verdict for name, verdict in verdicts.items() if verdict is not None}
    if not known:
        raise UndecidableError(
            "the two runs have no step of any data set in common; compare runs of the same pipelines"
        )
    return Verdict(
        level=min(verdict.level for verdict in known.values()),
        namespaces=known,
        tolerances=allowed,
        only_first=tuple(sorted(names[0] - names[1])),
        only_second=tuple(sorted(names[1] - names[0])),
        nothing_shared=tuple(sorted(verdicts.keys() - known.keys())),
    )


def _compare_namespace(
    first: Provenance, second: Provenance, namespace: str, probabilities: Pair | None, tolerances: Tolerances
) -> NamespaceVerdict | None:
    """The verdict on a data set; None if the runs have no step of it in common."""
    before, after = first.namespaces[namespace], second.namespaces[namespace]
    steps = compare_steps(before, after)
    if all(step.status == "absent" for step in steps):
        return None
    different = [step for step in steps if step.status == "different"]
    causes = differences(first, second, namespace)
    likely = likely_causes(causes, different[0].name, namespace) if different else ()
    parity = _parity(before, after, probabilities)
    measured = [comparable_metrics(each.get("metrics", {})) for each in (before, after)]
    metrics = {name: (value, measured[1][name]) for name, value in measured[0].items() if name in measured[1]}
    accuracy = tolerances.accuracy if tolerances.accuracy is not None else _half_interval(before)
    accuracies = {name: pair for name, pair in metrics.items() if name.endswith("accuracy")}
    if tolerances.accuracy is None:  # the interval of all test images, of which those that are perturbed are a part
        accuracies = {name: pair for name, pair in accuracies.items() if "perturbed" not in name}
    return NamespaceVerdict(
        level=_level(parity, [*accuracies.values()], tolerances.probability, accuracy) if different else Level.BITWISE,
        steps=steps,
        likely=likely,
        other=tuple(cause for cause in causes if cause not in likely),
        deterministic=all(record.training(namespace).get("deterministic") for record in (first, second)),
        parity=parity,
        accuracy_tolerance=accuracy,
        metrics=metrics,
    )


def _parity(first: Mapping[str, Values], second: Mapping[str, Values], probabilities: Pair | None) -> Parity | None:
    recorded = first.get("probabilities")
    if recorded is not None and recorded == second.get("probabilities"):
        return Parity(max_abs_diff=0.0, argmax_agreement=1.0)
    try:
        return compare(*probabilities) if probabilities else None
    except ParityError:
        return None


def _half_interval(first: Mapping[str, Values]) -> float | None:
    """Half the width of the 95 % confidence interval of a run's test accuracy; None if it has none."""
    accuracy = first.get("metrics", {}).get("test_accuracy")
    images = first.get("probabilities", {}).get("images")
    if accuracy is None or not images:
        return None
    low, high = accuracy_interval(round(accuracy * images), images)
    return (high - low) / 2


def _level(
    parity: Parity | None, accuracies: Sequence[tuple[Any, Any]], probability: float, accuracy: float | None
) -> Level:
    """The level short of BITWISE, of which the results alone say nothing."""
    near = all(abs(before - after) <= (accuracy or 0) for before, after in accuracies)
    if near and parity and parity.max_abs_diff <= probability and parity.argmax_agreement == 1:
        return Level.NUMERIC
    return Level.STATISTICAL if near and accuracies else Level.DIFFERENT
