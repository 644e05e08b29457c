"""Preflight checks: the recorded source, environment and data against those of this machine."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from mnist_resnet.comparison.causes import environment_differences
from mnist_resnet.computing.processor import ONEDNN_LIMIT, THREADS_VARIABLE
from mnist_resnet.errors import UserError
from mnist_resnet.provenance.environment import Environment
from mnist_resnet.provenance.record import Provenance

if TYPE_CHECKING:
    from rich.table import Table

_SHOWN = 6
_PLURALS = {"package": "installed versions", "variable": "environment variables"}


class ReproductionError(UserError, RuntimeError):
    """A run that cannot be made again here, or not as strictly as was asked; the message says why."""


class CheckResult(StrEnum):
    """PASS is as recorded; WARN may change the result; with FAIL there is no reproduction."""

    PASS = "PASS"  # noqa: S105
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True)
class Check:
    """One line of the preflight table: what is compared, the result, and both values in words."""

    what: str
    result: CheckResult
    recorded: str
    present: str


def check_environment(recorded: Environment, present: Environment, restored: Mapping[str, str]) -> tuple[Check, ...]:
    """Compare machine and software, one check for each kind of thing.

    Args:
        recorded: That of a run's provenance.
        present: That of the run that is to be made.
        restored: The variables that are set for it.
    """
    causes, checks = list(environment_differences(recorded, present)), []
    for kind, values in recorded.by_kind().items():
        what, note = _PLURALS.get(kind, kind), _note(kind, recorded, present, restored)
        found = [cause for cause in causes if cause.kind == kind]
        if found:
            before, after = ({cause.name: getattr(cause, side) for cause in found} for side in ("first", "second"))
            here = "; ".join(filter(None, (_in_words(kind, after), note)))
            checks.append(Check(what, CheckResult.WARN, _in_words(kind, before), here))
        else:
            words = f"{len(values)} packages" if kind == "package" else _in_words(kind, values)
            checks.append(Check(what, CheckResult.PASS, words, note or "the same"))
    return tuple(checks)


def check_determinism(record: Provenance) -> Check:
    """Whether the run asked for deterministic training; else equal bits are a matter of luck."""
    asked = {name: record.training(name).get("deterministic") for name in sorted(record.namespaces)}
    result = CheckResult.PASS if all(asked.values()) else CheckResult.WARN
    values = ", ".join(f"{name} {str(value).lower()}" for name, value in asked.items())
    return Check("training.deterministic", result, values, "as recorded")


def check_wholeness(record: Provenance) -> Iterator[Check]:
    """What the run was made from, but its record does not tell."""
    if record.source_changed:
        yield Check("source", CheckResult.WARN, "changed after it was imported", "as it was at the beginning")
    for name, epochs in record.resumed_epochs.items():
        if epochs:
            what = f"epochs of {name}"
            yield Check(what, CheckResult.WARN, f"the first {epochs} by an earlier process", "all by one")


def refuse(checks: Sequence[Check], strict: bool) -> None:
    """Let only those reproductions pass that can be made.

    Args:
        checks: The preflight table.
        strict: Whether to refuse on warnings, too.

    Raises:
        ReproductionError: With what stands in the way.
    """
    hindering = {CheckResult.FAIL, CheckResult.WARN} if strict else {CheckResult.FAIL}
    found = [check for check in checks if check.result in hindering]
    if found:
        listed = "\n".join(f"- {each.what}: recorded {each.recorded}; here {each.present}" for each in found)
        raise ReproductionError(f"This run cannot be reproduced{' strictly' if strict else ''} here:\n{listed}")


def as_table(checks: Sequence[Check]) -> "Table":
    """The checks for a terminal."""
    from rich.table import Column, Table

    table = Table("what", "", *(Column(side, overflow="fold") for side in ("recorded", "here")), title="Preflight")
    for check in checks:
        table.add_row(check.what, check.result, check.recorded, check.present)
    return table


def _note(kind: str, recorded: Environment, present: Environment, restored: Mapping[str, str]) -> str:
    """What is done here to compute as recorded, or what is here where nothing was recorded."""
    here = _in_words(kind, present.by_kind()[kind])
    match kind:
        case "threads" if THREADS_VARIABLE in restored:
            return f"{here}, held to {restored[THREADS_VARIABLE]} threads by {THREADS_VARIABLE}"
        case "instruction sets" if ONEDNN_LIMIT in restored:
            return f"oneDNN is held to {restored[ONEDNN_LIMIT]} by {ONEDNN_LIMIT}"
        case "instruction sets" if recorded.instruction_sets is None:
            return here
        case "variable" if restored:
            return f"set for the run: {', '.join(restored)}"
    return ""


def _in_words(kind: str, values: Mapping[str, Any]) -> str:
    """Values of one kind, each with its name unless that is the kind; many of them in part."""
    told = {name: "absent" if value is None else str(value) for name, value in values.items()}
    if kind == "lock file":
        told = {name: digest[:12] for name, digest in told.items()}
    words = [text if name == kind else f"{name} {text}" for name, text in told.items()]
    more = [f"and {len(words) - _SHOWN} more"] if len(words) > _SHOWN else []
    return ", ".join([*words[:_SHOWN], *more]) or "none"
