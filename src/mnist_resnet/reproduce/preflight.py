"""What a reproduction would be made from, against what the run was made from, before any work."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from mnist_resnet.comparison.causes import Cause, environment_differences
from mnist_resnet.comparison.computing import THREADS, Values
from mnist_resnet.computing.processor import ONEDNN_LIMIT
from mnist_resnet.errors import UserError

if TYPE_CHECKING:
    from rich.table import Table

_SHOWN = 6
_KINDS = {
    "lock file": "lock file",
    "installed versions": "package",
    "Python": "Python",
    "platform": "platform",
    "processor": "processor",
    "instruction sets": "instruction sets",
    "threads": "threads",
    "GPU": "GPU",
    "driver": "driver",
    "environment variables": "variable",
}


class PreflightError(UserError, RuntimeError):
    """A run that cannot be reproduced here, or not as strictly as was asked; the message says why."""


class Status(StrEnum):
    """PASS is as recorded; WARN may change the result; with FAIL there is no reproduction."""

    PASS = "PASS"  # noqa: S105
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True)
class Check:
    """One line of the preflight table: what is compared, how it stands, and both values in words."""

    what: str
    status: Status
    recorded: str
    present: str


def check_environment(recorded: Values, present: Values, restored: Mapping[str, str]) -> tuple[Check, ...]:
    """Compare machine and software, one check for each kind of thing.

    Args:
        recorded: ``environment`` of a run's provenance.
        present: The same of the run that is to be made.
        restored: The variables that are set for it.
    """
    causes = list(environment_differences(recorded, present))
    checks = []
    for what, kind in _KINDS.items():
        note = _note(kind, recorded, present, restored)
        checks.append(_check(what, [cause for cause in causes if cause.kind == kind], _in_words(recorded, kind), note))
    return tuple(checks)


def _note(kind: str, recorded: Values, present: Values, restored: Mapping[str, str]) -> str:
    """What is done here to compute as recorded, or what is here where nothing was recorded."""
    match kind:
        case "threads" if THREADS in restored:
            return f"{_in_words(present, kind)}, held to {restored[THREADS]} threads by {THREADS}"
        case "instruction sets" if ONEDNN_LIMIT in restored:
            return f"oneDNN is held to {restored[ONEDNN_LIMIT]} by {ONEDNN_LIMIT}"
        case "instruction sets" if "instruction_sets" not in recorded:
            return _in_words(present, kind)
        case "variable" if restored:
            return f"set for the run: {', '.join(restored)}"
    return ""


def check_determinism(parameters: Mapping[str, Any], namespaces: Sequence[str]) -> Check:
    """Whether the run asked for deterministic training; else equal bits are a matter of luck.

    Args:
        parameters: Of the run's provenance.
        namespaces: The data sets that the run was about.
    """
    asked = {name: parameters.get(name, {}).get("training", {}).get("deterministic") for name in namespaces}
    status = Status.PASS if all(asked.values()) else Status.WARN
    values = ", ".join(f"{name} {str(value).lower()}" for name, value in asked.items())
    return Check("training.deterministic", status, values, "as recorded")


def refuse(checks: Sequence[Check], strict: bool) -> None:
    """Let only those reproductions pass that can be made.

    Args:
        checks: The preflight table.
        strict: Whether to refuse on warnings, too.

    Raises:
        PreflightError: With what stands in the way.
    """
    hindering = {Status.FAIL, Status.WARN} if strict else {Status.FAIL}
    found = [check for check in checks if check.status in hindering]
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
        table.add_row(check.what, check.status, check.recorded, check.present)
    return table


def _check(what: str, causes: Sequence[Cause], in_words: str, note: str) -> Check:
    if not causes:
        return Check(what, Status.PASS, in_words, note or "the same")
    recorded, present = (", ".join(_listed(causes, which)) for which in ("first", "second"))
    return Check(what, Status.WARN, recorded, f"{present}; {note}" if note else present)


def _listed(causes: Sequence[Cause], which: str) -> Iterator[str]:
    for cause in causes[:_SHOWN]:
        value = getattr(cause, which)
        text = "absent" if value is None else str(value)
        if cause.kind == "lock file":
            text = text[:12]
        yield text if cause.name == cause.kind else f"{cause.name} {text}"
    if len(causes) > _SHOWN:
        yield f"and {len(causes) - _SHOWN} more"


def _in_words(environment: Values, kind: str) -> str:
    match kind:
        case "lock file":
            return ", ".join(f"{name} {digest[:12]}" for name, digest in environment["lock_files"].items()) or "none"
        case "package":
            return f"{len(environment['packages'])} packages"
        case "instruction sets":
            return " ".join(environment.get("instruction_sets", ["not recorded"])) or "unknown"
        case "threads":
            return f"{environment['usable_cores']} of {environment['cores']} cores"
        case "GPU" | "driver":
            key = {"GPU": "name", "driver": "driver"}[kind]
            return ", ".join(gpu[key] for gpu in environment["gpus"]) or "none"
        case "variable":
            return ", ".join(f"{name}={value}" for name, value in environment["variables"].items()) or "none"
    return str(environment[kind.lower()])
