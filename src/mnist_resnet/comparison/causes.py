"""The causes of a difference between two runs: what differs in what they were made from, the likely ones first."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mnist_resnet.computing.processor import ONEDNN_LIMIT, ONEDNN_SWITCH, THREADS_VARIABLE, onednn_by_itself
from mnist_resnet.config import WITHOUT_INFLUENCE, flatten
from mnist_resnet.config.renamed_parameters import with_added_parameters, with_current_names
from mnist_resnet.provenance.environment import Environment
from mnist_resnet.provenance.record import Provenance
from mnist_resnet.provenance.source import UNKNOWN, patch_in_words
from mnist_resnet.provenance.steps import STEPS
from mnist_resnet.training.events import TrainingDevice


@dataclass(frozen=True)
class Cause:
    """Something that differs between what two runs were made from.

    Attributes:
        kind: Such as ``parameter``, ``seed``, ``package`` or ``processor``.
        name: Of the parameter, package or variable; the kind itself elsewhere.
        first: As it was in the first run; None if there was none.
        second: As it was in the second.
    """

    kind: str
    name: str
    first: Any
    second: Any

    def in_words(self) -> str:
        """The cause in one line."""
        return f"{self.kind if self.kind == self.name else f'{self.kind} {self.name}'}: {self.first} → {self.second}"


def differences(first: Provenance, second: Provenance, namespace: str) -> tuple[Cause, ...]:
    """All that differs between what two runs were made from, as far as it concerns one data set.

    Args:
        first: The provenance of one run.
        second: That of the other.
        namespace: The data set.
    """
    return (
        *_parameters(first, second, namespace),
        *_sources(first, second),
        *environment_differences(first.environment, second.environment),
        *_training_devices(*(each.training_devices.get(namespace) for each in (first, second))),
        *_resumed(*(each.resumed_epochs.get(namespace, 0) for each in (first, second))),
        *_precisions(namespace, first.precision.get(namespace), second.precision.get(namespace)),
    )


def likely_causes(causes: tuple[Cause, ...], step: str, namespace: str) -> tuple[Cause, ...]:
    """Those that can make a step differ although all before it is the same.

    Args:
        causes: As ``differences`` gives them.
        step: The first that differs.
        namespace: The data set.
    """
    return tuple(cause for cause in causes if _can_change(cause, step, namespace))


def _can_change(cause: Cause, step: str, namespace: str) -> bool:
    if cause.kind == "package":
        return cause.name.startswith(STEPS[step].packages)
    if cause.kind in {"parameter", "seed", "determinism"}:
        concern = f"{cause.name.removeprefix(f'{namespace}.')}."
        return concern.startswith(tuple(f"{each}." for each in STEPS[step].parameters))
    return cause.kind in STEPS[step].kinds


def _parameters(first: Provenance, second: Provenance, namespace: str) -> Iterator[Cause]:
    before, after = (_concerning(record, namespace) for record in (first, second))
    precision, kinds = f"{namespace}.training.precision", {"seed": "seed", "deterministic": "determinism"}
    if _used(before.get(precision), first, namespace) == _used(after.get(precision), second, namespace):
        before[precision] = after.get(precision)
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            kind = kinds.get(name.rpartition(".")[2], "parameter")
            yield Cause(kind, name, before.get(name), after.get(name))


def _concerning(record: Provenance, namespace: str) -> dict[str, Any]:
    concerns = ("recipe.", f"{namespace}.", f"datasets.{namespace}.")
    ignored = {f"{namespace}.{name}" for name in WITHOUT_INFLUENCE}
    flat = flatten(with_added_parameters(with_current_names(record.parameters)))
    return {key: flat[key] for key in flat if f"{key}.".startswith(concerns) and key not in ignored}


def _training_devices(first: TrainingDevice | None, second: TrainingDevice | None) -> Iterator[Cause]:
    """Different devices, or ways to use them; earlier versions did not record them."""
    if first and second and first.told_apart_by() != second.told_apart_by():
        yield Cause("training device", "training device", first.told_apart_by(), second.told_apart_by())


def _resumed(first: int, second: int) -> Iterator[Cause]:
    """Epochs of earlier processes, whose source and machine no record tells."""
    if first or second:
        kind = "resumed training"
        yield Cause(kind, kind, *(f"after epoch {epochs}" if epochs else "no" for epochs in (first, second)))


def _precisions(namespace: str, first: str | None, second: str | None) -> Iterable[Cause]:
    """Different precisions; a run that did not train has none."""
    return _differing("precision", {namespace: first}, {namespace: second}) if first and second else ()


def _used(precision: Any, record: Provenance, namespace: str) -> Any:
    """The precision that was stated, or that ``auto`` came to, which computes the same."""
    return record.precision.get(namespace, precision) if precision == "auto" else precision


def _sources(first: Provenance, second: Provenance) -> Iterator[Cause]:
    commits = (_commit_in_words(first), _commit_in_words(second))
    patches = (patch_in_words(first.source), patch_in_words(second.source))
    for kind, (before, after) in {"commit": commits, "patch": patches}.items():
        if before != after or UNKNOWN in before:  # what is not known may differ
            yield Cause(kind, kind, before, after)


def _commit_in_words(record: Provenance) -> str:
    """The commit, or why it is not known; earlier versions did not record the reason."""
    if record.source_changed:
        return f"{UNKNOWN} (files of the package changed after they were imported)"
    if record.source:
        return record.source.commit
    return f"{UNKNOWN} ({record.source_missing_because})" if record.source_missing_because else UNKNOWN


def environment_differences(first: Environment, second: Environment) -> Iterator[Cause]:
    """All that differs between two machines with what is installed on them.

    Args:
        first: That of one run.
        second: That of the other.
    """
    before, after = first.by_kind(), second.by_kind()
    before["variable"], after["variable"] = _compared_variables(first, second), _compared_variables(second, first)
    alike = {"threads"} if first.threads == second.threads else set()
    if None in {first.instruction_sets, second.instruction_sets}:
        alike.add("instruction sets")
    for kind in before:
        if kind not in alike:
            yield from _differing(kind, before[kind], after[kind])


def _compared_variables(environment: Environment, other: Environment) -> dict[str, str]:
    """The variables of an environment, without those by which both come to the same."""
    alike = {THREADS_VARIABLE} if environment.threads == other.threads else set()
    if environment.onednn_level == other.onednn_level:
        alike.add(ONEDNN_LIMIT)
    return {name: value for name, value in _with_onednn(environment, other).items() if name not in alike}


def _with_onednn(environment: Environment, other: Environment) -> dict[str, str]:
    """An environment's variables; an older record's with what TensorFlow chose of oneDNN, as far as that is known."""
    variables, stated = environment.variables, other.variables.get(ONEDNN_SWITCH)
    if ONEDNN_SWITCH in variables or environment.instruction_sets is not None or not stated:
        return variables
    if other.instruction_sets is None:
        return variables
    same_processor = environment.processor == other.processor
    return variables | {ONEDNN_SWITCH: onednn_by_itself(other.instruction_sets) if same_processor else stated}


def _differing(kind: str, first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[Cause]:
    for name in sorted(first.keys() | second.keys()):
        if first.get(name) != second.get(name):
            yield Cause(kind, name, first.get(name), second.get(name))
