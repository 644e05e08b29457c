"""Why two runs may differ: what differs in what they were made from, the likely reasons first."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mnist_resnet.comparison.computing import Values, adding_threads, differing_variables
from mnist_resnet.comparison.record import Record, SourceRecord
from mnist_resnet.config import flatten

_COMPUTING = ("keras", "tensorflow", "jax", "jaxlib", "numpy", "ml-dtypes", "nvidia-")
_JUDGING = ("onnxruntime", "numpy", "nvidia-")
_CODE = ("commit", "patch", "lock file", "Python")
_MACHINE = ("platform", "processor", "instruction sets", "threads", "GPU", "driver", "variable", "precision")
_PRECISION = "training.precision"
_UNKNOWN = "unknown"


@dataclass(frozen=True)
class _Reasons:
    """What can make a stage differ whose inputs are the same: parameters, packages (by first letters), and kinds."""

    parameters: tuple[str, ...]
    packages: tuple[str, ...] = ()
    kinds: tuple[str, ...] = _CODE


_REASONS = {
    "raw_data": _Reasons(("datasets",), kinds=()),
    "split": _Reasons(("data", "datasets"), ("scikit-learn", "numpy")),
    "prepared_data": _Reasons(("preprocessing",), ("numpy",)),
    "initial_weights": _Reasons(("training.seed", "training.precision", "model"), _COMPUTING, (*_CODE, "precision")),
    "epochs": _Reasons(("training", "model"), _COMPUTING, (*_CODE, *_MACHINE)),
    "final_weights": _Reasons(("training", "model"), _COMPUTING, (*_CODE, *_MACHINE)),
    "export": _Reasons(("export", "model", "recipe"), ("tf2onnx", "onnx", *_COMPUTING), (*_CODE, *_MACHINE)),
    "probabilities": _Reasons(("evaluation",), _JUDGING, (*_CODE, *_MACHINE)),
    "metrics": _Reasons(("datasets",), ("scikit-learn", "scipy", "numpy")),
}


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


def differences(first: Record, second: Record, namespace: str) -> tuple[Cause, ...]:
    """All that differs between what two runs were made from, as far as it concerns one data set.

    Args:
        first: The provenance of one run.
        second: That of the other.
        namespace: The data set.
    """
    return (
        *_parameters(first, second, namespace),
        *_commits(first, second),
        *_patches(first["source"], second["source"]),
        *environment_differences(first["environment"], second["environment"]),
        *_differing("precision", _only(first["precision"], namespace), _only(second["precision"], namespace)),
    )


def likely_causes(causes: tuple[Cause, ...], stage: str, namespace: str) -> tuple[Cause, ...]:
    """Those that can make a stage differ although all before it is the same.

    Args:
        causes: As ``differences`` gives them.
        stage: The first that differs.
        namespace: The data set.
    """
    return tuple(cause for cause in causes if _can_cause(cause, _REASONS[stage], namespace))


def _can_cause(cause: Cause, reasons: _Reasons, namespace: str) -> bool:
    if cause.kind == "package":
        return cause.name.startswith(reasons.packages) if reasons.packages else False
    if cause.kind in {"parameter", "seed", "determinism"}:
        concern = cause.name.removeprefix(f"{namespace}.")
        return any(concern == each or concern.startswith(f"{each}.") for each in reasons.parameters)
    return cause.kind in reasons.kinds


def _parameters(first: Record, second: Record, namespace: str) -> Iterator[Cause]:
    before, after = (_concerning(record["parameters"], namespace) for record in (first, second))
    kinds = {"seed": "seed", "deterministic": "determinism"}
    precisions = {_used_precision(record, namespace) for record in (first, second)}
    alike = {f"{namespace}.{_PRECISION}"} if len(precisions) == 1 else set()
    for name in sorted((before.keys() | after.keys()) - alike):
        if before.get(name) != after.get(name):
            kind = kinds.get(name.rpartition(".")[2], "parameter")
            yield Cause(kind, name, before.get(name), after.get(name))


def _used_precision(record: Record, namespace: str) -> Any:
    """The precision that was stated, or that ``auto`` came to, which computes the same."""
    asked = flatten(record["parameters"]).get(f"{namespace}.{_PRECISION}")
    return record["precision"].get(namespace, asked) if asked == "auto" else asked


def _concerning(parameters: Values, namespace: str) -> dict[str, Any]:
    concerns = {"recipe", namespace, f"datasets.{namespace}"}
    flat = flatten(parameters)
    return {key: flat[key] for key in flat if any(key == each or key.startswith(f"{each}.") for each in concerns)}


def _commits(first: Record, second: Record) -> Iterator[Cause]:
    before, after = _commit(first), _commit(second)
    if before != after or (before and _UNKNOWN in before):
        yield Cause("commit", "commit", before, after)


def _commit(record: Record) -> str | None:
    """The commit, or why there is none; earlier versions did not record the reason."""
    if record["source"]:
        return record["source"]["commit"]
    reason = record.get("source_missing_because")
    return f"{_UNKNOWN} ({reason})" if reason else None


def _patches(first: SourceRecord | None, second: SourceRecord | None) -> Iterator[Cause]:
    before, after = _patch(first), _patch(second)
    if before != after or _UNKNOWN in before:
        yield Cause("patch", "patch", before, after)


def _patch(source: SourceRecord | None) -> str:
    """The uncommitted changes in words that are equal if they are; those that were not recorded are unknown."""
    if source is None:
        return "none"
    patch = source["patch"]
    if patch and patch["sha256"]:
        return f"{patch['sha256'][:12]} ({patch['size']} bytes)"
    return _UNKNOWN if source["dirty"] else "none"


def environment_differences(first: Values, second: Values) -> Iterator[Cause]:
    """All that differs between two machines with what is installed on them.

    Args:
        first: ``environment`` of the provenance of one run.
        second: Likewise, of the other.
    """
    yield from _differing("lock file", first["lock_files"], second["lock_files"])
    yield from _differing("package", first["packages"], second["packages"])
    for kind, key in (("Python", "python"), ("platform", "platform"), ("processor", "processor")):
        yield from _differing(kind, {kind: first[key]}, {kind: second[key]})
    if "instruction_sets" in first and "instruction_sets" in second:
        kind = "instruction sets"
        yield from _differing(kind, *({kind: " ".join(each["instruction_sets"])} for each in (first, second)))
    if adding_threads(first) != adding_threads(second):
        for key in ("usable_cores", "cores"):
            yield from _differing("threads", {key: first[key]}, {key: second[key]})
    for kind, key in (("GPU", "name"), ("driver", "driver")):
        before, after = (", ".join(gpu[key] for gpu in each["gpus"]) or "none" for each in (first, second))
        yield from _differing(kind, {kind: before}, {kind: after})
    yield from _differing("variable", *differing_variables(first, second))


def _differing(kind: str, first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[Cause]:
    for name in sorted(first.keys() | second.keys()):
        if first.get(name) != second.get(name):
            yield Cause(kind, name, first.get(name), second.get(name))


def _only(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key == name}
