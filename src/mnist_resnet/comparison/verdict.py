"""Whether two runs came out the same: bit for bit, in numbers, in quality, or not at all."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mnist_resnet.comparison.causes import Cause, differences, likely_causes
from mnist_resnet.comparison.compared_steps import StageComparison, compare_stages
from mnist_resnet.comparison.outcome import Level, Pair, Tolerances, compare_outcomes
from mnist_resnet.comparison.record import Record, UndecidableError
from mnist_resnet.evaluation.parity import Parity


@dataclass(frozen=True)
class NamespaceVerdict:
    """The verdict on one data set.

    Attributes:
        level: How much is the same.
        stages: Each stage that either run has, in the order of the flow.
        likely: What may have made the first stage that differs do so, the likeliest first.
        other: What else differs between what the two runs were made from.
        deterministic: Whether training was asked to be so, in both runs.
        parity: How far the probabilities agree; None if they are not recorded of both.
        accuracy_tolerance: By which accuracies were compared; None if there are none.
        metrics: Those of both runs that do not depend on the clock, in pairs.
    """

    level: Level
    stages: tuple[StageComparison, ...]
    likely: tuple[Cause, ...]
    other: tuple[Cause, ...]
    deterministic: bool
    parity: Parity | None
    accuracy_tolerance: float | None
    metrics: Mapping[str, tuple[Any, Any]]

    @property
    def first_difference(self) -> StageComparison | None:
        """The first stage that differs."""
        return next((stage for stage in self.stages if stage.status == "different"), None)

    def cause_in_words(self) -> str:
        """The likely cause of the first difference; empty if nothing differs."""
        if self.first_difference is None:
            return ""
        if self.likely:
            return "; ".join(cause.in_words() for cause in self.likely)
        if self.first_difference.stage == "raw_data":
            return "the files themselves"
        asked = "true" if self.deterministic else "false"
        return f"nothing recorded explains it: chance in the computation (training.deterministic is {asked})"


@dataclass(frozen=True)
class Verdict:
    """The verdict on two runs: the lowest of their data sets, and each of these.

    There is no verdict on ``only_first`` and ``only_second``, data sets of one run that the other lacks, nor on
    ``nothing_shared``, data sets of which the runs have no stage in common.
    """

    level: Level
    namespaces: Mapping[str, NamespaceVerdict]
    tolerances: Tolerances
    only_first: tuple[str, ...] = ()
    only_second: tuple[str, ...] = ()
    nothing_shared: tuple[str, ...] = ()


def compare_runs(
    first: Record,
    second: Record,
    probabilities: Mapping[str, Pair] | None = None,
    tolerances: Tolerances | None = None,
) -> Verdict:
    """Compare two runs.

    Args:
        first: The whole record of one run.
        second: That of the other.
        probabilities: For each data set of which both runs have them, both arrays of test probabilities, float32
            (images, classes). Without them, probabilities are the same or unknown, as their digests tell.
        tolerances: What the runs may differ by.

    Raises:
        UndecidableError: If the runs have no stage of any data set in common.
    """
    allowed, arrays = tolerances or Tolerances(), probabilities or {}
    names = [set(record["namespaces"]) for record in (first, second)]
    verdicts = {
        name: _compare_namespace(first, second, name, arrays.get(name), allowed) for name in sorted(names[0] & names[1])
    }
    known = {name: verdict for name, verdict in verdicts.items() if verdict is not None}
    if not known:
        raise UndecidableError(
            "the two runs have no stage of any data set in common; compare runs of the same pipelines"
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
    first: Record, second: Record, namespace: str, probabilities: Pair | None, tolerances: Tolerances
) -> NamespaceVerdict | None:
    """The verdict on a data set; None if the runs have no stage of it in common."""
    before, after = first["namespaces"][namespace], second["namespaces"][namespace]
    stages = compare_stages(before, after)
    if all(stage.status == "absent" for stage in stages):
        return None
    outcome = compare_outcomes(before, after, probabilities, tolerances)
    different = [stage for stage in stages if stage.status == "different"]
    causes = differences(first, second, namespace)
    likely = likely_causes(causes, different[0].stage, namespace) if different else ()
    return NamespaceVerdict(
        level=outcome.level(tolerances.probability) if different else Level.BITWISE,
        stages=stages,
        likely=likely,
        other=tuple(cause for cause in causes if cause not in likely),
        deterministic=all(_asked_deterministic(record, namespace) for record in (first, second)),
        parity=outcome.parity,
        accuracy_tolerance=outcome.accuracy_tolerance,
        metrics=outcome.metrics,
    )


def _asked_deterministic(record: Record, namespace: str) -> bool:
    return bool(record["parameters"].get(namespace, {}).get("training", {}).get("deterministic"))
