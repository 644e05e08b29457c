"""What a reproduction would be made from, against what the run was made from, before any work."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from mnist_resnet.errors import UserError
from mnist_resnet.reproduce.causes import Cause, Values, environment_differences

if TYPE_CHECKING:
    from rich.table import Table

_SHOWN = 6
_KINDS = {
    "lock file": "lock file",
    "installed versions": "package",
    "Python": "Python",
    "platform": "platform",
    "processor": "processor",
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


def check_environment(recorded: Values, present: Values) -> tuple[Check, ...]:
    """Compare machine and software, one check for each kind of thing.

    Args:
        recorded: ``environment`` of a run's provenance.
        present: The same of this process.
    """
    causes = list(environment_differences(recorded, present))
    return tuple(
        _check(what, [cause for cause in causes if cause.kind == kind], _in_words(recorded, kind))
        for what, kind in _KINDS.items()
    )


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


def _check(what: str, causes: Sequence[Cause], in_words: str) -> Check:
    if not causes:
        return Check(what, Status.PASS, in_words, "the same")
    recorded, present = (", ".join(_listed(causes, which)) for which in ("first", "second"))
    return Check(what, Status.WARN, recorded, present)


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
        case "threads":
            return f"{environment['usable_cores']} of {environment['cores']} cores"
        case "GPU" | "driver":
            key = {"GPU": "name", "driver": "driver"}[kind]
            return ", ".join(gpu[key] for gpu in environment["gpus"]) or "none"
        case "variable":
            return ", ".join(f"{name}={value}" for name, value in environment["variables"].items()) or "none"
    return str(environment[kind.lower()])
