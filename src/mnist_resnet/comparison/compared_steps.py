"""The comparison of two runs step by step, as their records tell it."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mnist_resnet.config import flatten
from mnist_resnet.provenance.steps import STEPS, Values

# How long something took is never the same twice.
_SPEED = re.compile(r"_ms$|seconds|images_per_s")


@dataclass(frozen=True)
class StepComparison:
    """One step of two runs.

    Attributes:
        name: One of ``STEPS``.
        status: ``absent`` where it is not recorded of both runs.
        label: The step in words; of epochs, the first that differs.
        detail: What differs, or which run lacks the step; empty if equal.
    """

    name: str
    status: Literal["equal", "different", "absent"]
    label: str
    detail: str = ""


def compare_steps(first: Mapping[str, Values], second: Mapping[str, Values]) -> tuple[StepComparison, ...]:
    """Compare two records of one data set.

    Args:
        first: The recorded values of each step of one run, as in ``namespaces.<name>`` of ``provenance.json``.
        second: Those of the other.

    Returns:
        One comparison for each of ``STEPS`` that either run has, in the order of the flow.
    """
    known = [name for name in STEPS if name in first or name in second]
    return tuple(_compare(name, first.get(name), second.get(name)) for name in known)


def comparable_metrics(metrics: Values) -> Values:
    """Those metrics that do not depend on the clock."""
    return {name: value for name, value in metrics.items() if not _SPEED.search(name)}


def _compare(name: str, first: Values | None, second: Values | None) -> StepComparison:
    label = name.replace("_", " ")
    if first is None or second is None:
        return StepComparison(name, "absent", label, f"recorded of the {'second' if first is None else 'first'} only")
    if name == "metrics":
        first, second = comparable_metrics(first), comparable_metrics(second)
    names = first.keys() & second.keys() if STEPS[name].partial else first.keys() | second.keys()
    if not names:
        return StepComparison(name, "absent", label, "the two records have no value in common")
    different = [key for key in names if _differs(key, first, second)]
    if not different:
        return StepComparison(name, "equal", label)
    if STEPS[name].told_by == "epochs":
        label = f"epoch {min(different, key=int)}"
    return StepComparison(name, "different", label, _detail(name, sorted(different), first, second))


def _differs(name: str, first: Values, second: Values) -> bool:
    # As text, so that two losses that are no numbers are equal.
    return json.dumps(first.get(name)) != json.dumps(second.get(name))


def _detail(step: str, different: Sequence[str], first: Values, second: Values) -> str:
    match STEPS[step].told_by:
        case "tensors":
            return f"{len(different)} of {len(first.keys() | second.keys())} tensors, such as {different[0]}"
        case "epochs":
            epoch = min(different, key=int)
            if epoch in first and epoch in second:
                return _changes(first[epoch], second[epoch])
            return f"{len(first)} epochs in the first, {len(second)} in the second"
        case "exports" if "graph" in different:
            return "the graph"
        case "exports" if "initializers" in different:
            return "the weights; the graph is the same"
        case "values":
            return _changes(*({name: each.get(name) for name in different} for each in (first, second)))
        case "bits":
            return "not bit for bit the same"
    return ", ".join(different)


def _changes(first: Values, second: Values) -> str:
    before, after = flatten(first), flatten(second)
    names = [name for name in before | after if _differs(name, before, after)]
    return ", ".join(f"{name} {_short(before.get(name))} → {_short(after.get(name))}" for name in names)


def _short(value: Any) -> str:
    return f"{value:.9g}" if isinstance(value, float) else str(value)
