"""The preflight table: what a run was made from beside what is here, before any work."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from mnist_resnet.comparison.causes import Cause, environment_differences
from mnist_resnet.computing.processor import ONEDNN_LIMIT
from mnist_resnet.errors import UserError
from mnist_resnet.provenance.environment import THREADS_VARIABLE, Environment
from mnist_resnet.provenance.record import Provenance

if TYPE_CHECKING:
    from rich.table import Table

_SHOWN = 6
# For each line about the machine: the kind of cause that it is about, and the value in words.
_MACHINE: dict[str, tuple[str, Callable[[Environment], str]]] = {
    "lock file": ("lock file", lambda here: _joined(f"{name} {file[:12]}" for name, file in here.lock_files.items())),
    "installed versions": ("package", lambda here: f"{len(here.packages)} packages"),
    "Python": ("Python", lambda here: here.python),
    "platform": ("platform", lambda here: here.platform),
    "processor": ("processor", lambda here: here.processor),
    "instruction sets": (
        "instruction sets",
        lambda here: "not recorded" if here.instruction_sets is None else " ".join(here.instruction_sets) or "unknown",
    ),
    "threads": ("threads", lambda here: f"{here.usable_cores} of {here.cores} cores"),
    "GPU": ("GPU", lambda here: _joined(gpu.name for gpu in here.gpus)),
    "driver": ("driver", lambda here: _joined(gpu.driver for gpu in here.gpus)),
    "environment variables": (
        "variable",
        lambda here: _joined(f"{name}={value}" for name, value in here.variables.items()),
    ),
}


class PreflightError(UserError, RuntimeError):
    """A run that cannot be reproduced here, or not as strictly as was asked; the message says why."""


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
    causes = list(environment_differences(recorded, present))
    checks = []
    for what, (kind, in_words) in _MACHINE.items():
        note = _note(kind, recorded, in_words(present), restored)
        found = [cause for cause in causes if cause.kind == kind]
        if found:
            before, after = (_joined(_listed(found, which)) for which in ("first", "second"))
            checks.append(Check(what, CheckResult.WARN, before, f"{after}; {note}" if note else after))
        else:
            checks.append(Check(what, CheckResult.PASS, in_words(recorded), note or "the same"))
    return tuple(checks)


def check_determinism(record: Provenance) -> Check:
    """Whether the run asked for deterministic training; else equal bits are a matter of luck."""
    asked = {name: record.training(name).get("deterministic") for name in sorted(record.namespaces)}
    result = CheckResult.PASS if all(asked.values()) else CheckResult.WARN
    values = _joined(f"{name} {str(value).lower()}" for name, value in asked.items())
    return Check("training.deterministic", result, values, "as recorded")


def refuse(checks: Sequence[Check], strict: bool) -> None:
    """Let only those reproductions pass that can be made.

    Args:
        checks: The preflight table.
        strict: Whether to refuse on warnings, too.

    Raises:
        PreflightError: With what stands in the way.
    """
    hindering = {CheckResult.FAIL, CheckResult.WARN} if strict else {CheckResult.FAIL}
    found = [check for check in checks if check.result in hindering]
    if found:
        listed = "\n".join(f"- {each.what}: recorded {each.recorded}; here {each.present}" for each in found)
        raise PreflightError(f"This run cannot be reproduced{' strictly' if strict else ''} here:\n{listed}")


def as_table(checks: Sequence[Check]) -> "Table":
    """The checks for a terminal."""
    from rich.table import Table

    table = Table("what", "", title="Preflight")
    for side in ("recorded", "here"):
        table.add_column(side, overflow="fold")
    for check in checks:
        table.add_row(check.what, check.result, check.recorded, check.present)
    return table


def _note(kind: str, recorded: Environment, present: str, restored: Mapping[str, str]) -> str:
    """What is done here to compute as recorded, or what is here where nothing was recorded."""
    match kind:
        case "threads" if THREADS_VARIABLE in restored:
            return f"{present}, held to {restored[THREADS_VARIABLE]} threads by {THREADS_VARIABLE}"
        case "instruction sets" if ONEDNN_LIMIT in restored:
            return f"oneDNN is held to {restored[ONEDNN_LIMIT]} by {ONEDNN_LIMIT}"
        case "instruction sets" if recorded.instruction_sets is None:
            return present
        case "variable" if restored:
            return f"set for the run: {', '.join(restored)}"
    return ""


def _listed(causes: Sequence[Cause], which: str) -> Iterator[str]:
    for cause in causes[:_SHOWN]:
        value = getattr(cause, which)
        text = "absent" if value is None else str(value)
        if cause.kind == "lock file":
            text = text[:12]
        yield text if cause.name == cause.kind else f"{cause.name} {text}"
    if len(causes) > _SHOWN:
        yield f"and {len(causes) - _SHOWN} more"


def _joined(words: Iterator[str]) -> str:
    return ", ".join(words) or "none"
