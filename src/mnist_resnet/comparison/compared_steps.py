"""The comparison of two runs stage by stage, as their records tell it."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mnist_resnet.config import flatten
from mnist_resnet.provenance.steps import STAGES

Values = Mapping[str, Any]

# A run of one stage alone reads only some of these, and which variants are exported depends on the machine.
_COMPARED_WHERE_BOTH_HAVE_THEM = {"raw_data", "split", "export", "metrics"}
# How long something took is never the same twice.
_SPEED = re.compile(r"_ms$|seconds|images_per_s")


@dataclass(frozen=True)
class StageComparison:
    """One stage of two runs.

    Attributes:
        stage: One of ``STAGES``.
        status: ``absent`` where it is not recorded of both runs.
        label: The stage in words; of epochs, the first that differs.
        detail: What differs, or which run lacks the stage; empty if equal.
    """

    stage: str
    status: Literal["equal", "different", "absent"]
    label: str
    detail: str = ""


def compare_stages(first: Mapping[str, Values], second: Mapping[str, Values]) -> tuple[StageComparison, ...]:
    """Compare two records of one data set.

    Args:
        first: The recorded values of each stage of one run, as in ``namespaces.<name>`` of ``provenance.json``.
        second: Those of the other.

    Returns:
        One comparison for each of ``STAGES`` that either run has, in the order of the flow.
    """
    known = [stage for stage in STAGES if stage in first or stage in second]
    return tuple(_compare(stage, first.get(stage), second.get(stage)) for stage in known)


def comparable_metrics(metrics: Values) -> dict[str, Any]:
    """Those metrics that do not depend on the clock."""
    return {name: value for name, value in metrics.items() if not _SPEED.search(name)}


def _compare(stage: str, first: Values | None, second: Values | None) -> StageComparison:
    label = stage.replace("_", " ")
    if first is None or second is None:
        return StageComparison(stage, "absent", label, f"recorded of the {'second' if first is None else 'first'} only")
    if stage == "metrics":
        first, second = comparable_metrics(first), comparable_metrics(second)
    names = first.keys() & second.keys() if stage in _COMPARED_WHERE_BOTH_HAVE_THEM else first.keys() | second.keys()
    if not names:
        return StageComparison(stage, "absent", label, "nothing of it is recorded of both")
    # As text, so that two losses that are no numbers are equal.
    different = [name for name in names if json.dumps(first.get(name)) != json.dumps(second.get(name))]
    if not different:
        return StageComparison(stage, "equal", label)
    if stage == "epochs":
        return _of_epochs(sorted(different, key=int), first, second)
    return StageComparison(stage, "different", label, _detail(stage, sorted(different), first, second))


def _of_epochs(different: Sequence[str], first: Values, second: Values) -> StageComparison:
    epoch = different[0]
    if epoch not in first or epoch not in second:
        counts = f"{len(first)} epochs in the first, {len(second)} in the second"
        return StageComparison("epochs", "different", f"epoch {epoch}", counts)
    changes = _changes(first[epoch], second[epoch])
    return StageComparison("epochs", "different", f"epoch {epoch}", ", ".join(changes))


def _detail(stage: str, different: Sequence[str], first: Values, second: Values) -> str:
    match stage:
        case "initial_weights" | "final_weights":
            return f"{len(different)} of {len(first.keys() | second.keys())} tensors, such as {different[0]}"
        case "export":
            return _of_export(different)
        case "prepared_data" | "metrics":
            return ", ".join(_changes({k: first.get(k) for k in different}, {k: second.get(k) for k in different}))
        case "probabilities":
            return "not bit for bit the same"
    return ", ".join(different)


def _of_export(different: Sequence[str]) -> str:
    if "graph" in different:
        return "the graph"
    if "initializers" in different:
        return "the weights; the graph is the same"
    return ", ".join(different)


def _changes(first: Values, second: Values) -> list[str]:
    before, after = flatten(first), flatten(second)
    names = [name for name in before | after if json.dumps(before.get(name)) != json.dumps(after.get(name))]
    return [f"{name} {_short(before.get(name))} → {_short(after.get(name))}" for name in names]


def _short(value: Any) -> str:
    return f"{value:.9g}" if isinstance(value, float) else str(value)
