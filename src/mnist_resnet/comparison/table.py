"""A verdict as people and programs read it: tables on a terminal or in Markdown, and plain values."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from mnist_resnet.comparison.verdict import NamespaceVerdict, Verdict
from mnist_resnet.reporting.report.markdown import table

if TYPE_CHECKING:
    from rich.console import RenderableType

SCHEMA = 1
_SUMMARY = ("data set", "verdict", "first difference", "likely cause", "max |Δ probability|", "test accuracy")
_STAGES = ("data set", "stage", "comparison", "what differs")


@dataclass(frozen=True)
class ComparedRun:
    """A run as a verdict names it: its identifier, its name, and when it started (ISO 8601)."""

    run_id: str
    name: str
    started: str


def as_values(verdict: Verdict, first: ComparedRun, second: ComparedRun) -> dict[str, Any]:
    """The content of ``reproduction.json``: plain values, for JSON.

    Args:
        verdict: On both runs.
        first: The run that was there before.
        second: The one compared with it.
    """
    return {
        "schema": SCHEMA,
        "first": asdict(first),
        "second": asdict(second),
        "verdict": verdict.level.name,
        "tolerances": asdict(verdict.tolerances),
        "only_first": list(verdict.only_first),
        "only_second": list(verdict.only_second),
        "nothing_shared": list(verdict.nothing_shared),
        "namespaces": {name: _namespace_values(each) for name, each in verdict.namespaces.items()},
    }


def as_markdown(verdict: Verdict, first: ComparedRun, second: ComparedRun) -> str:
    """The verdict as a Markdown document, with the arguments of ``as_values``."""
    parts = [f"# {_title(verdict, first, second)}", *_notes(verdict)]
    parts += [_markdown_table(_SUMMARY, _summary_rows(verdict)), "## Stages"]
    parts += [_markdown_table(_STAGES, _stage_rows(verdict)), *_other_differences(verdict)]
    return "\n\n".join(parts) + "\n"


def as_tables(verdict: Verdict, first: ComparedRun, second: ComparedRun) -> "list[RenderableType]":
    """The verdict for a terminal, with the arguments of ``as_values``."""
    from rich.table import Table

    summary = Table(*_SUMMARY, title=_title(verdict, first, second))
    stages = Table(*_STAGES, title="Stages")
    for row in _summary_rows(verdict):
        summary.add_row(*row)
    for row in _stage_rows(verdict):
        stages.add_row(*row)
    return [summary, stages, *_notes(verdict), *_other_differences(verdict)]


def _title(verdict: Verdict, first: ComparedRun, second: ComparedRun) -> str:
    return f"{verdict.level.name}: {second.name} ({second.run_id[:8]}) against {first.name} ({first.run_id[:8]})"


def _summary_rows(verdict: Verdict) -> list[tuple[str, ...]]:
    return [_summary_row(name, each) for name, each in verdict.namespaces.items()]


def _summary_row(name: str, verdict: NamespaceVerdict) -> tuple[str, ...]:
    first = verdict.first_difference
    accuracies = verdict.metrics.get("test_accuracy")
    return (
        name,
        verdict.level.name,
        f"{first.label} ({first.detail})" if first else "none",
        verdict.cause_in_words() or "–",
        f"{verdict.parity.max_abs_diff:.1e}" if verdict.parity else "not recorded",
        f"{accuracies[0]:.4f} → {accuracies[1]:.4f}" if accuracies else "–",
    )


def _stage_rows(verdict: Verdict) -> list[tuple[str, ...]]:
    return [
        (name, stage.label, stage.status, stage.detail or "–")
        for name, each in verdict.namespaces.items()
        for stage in each.stages
    ]


def _notes(verdict: Verdict) -> list[str]:
    """What there is no verdict on."""
    without = (
        ("Only the first run has", verdict.only_first),
        ("Only the second run has", verdict.only_second),
        ("The runs have no stage in common of", verdict.nothing_shared),
    )
    return [f"{why} {', '.join(names)}: no verdict on that." for why, names in without if names]


def _other_differences(verdict: Verdict) -> list[str]:
    """What differs besides the likely causes, once for all data sets."""
    found = dict.fromkeys(cause.in_words() for each in verdict.namespaces.values() for cause in each.other)
    return [f"Also different: {'; '.join(found)}."] if found else []


def _markdown_table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    return table(header, [[cell.replace("|", r"\|") for cell in row] for row in rows])


def _namespace_values(verdict: NamespaceVerdict) -> dict[str, Any]:
    first = verdict.first_difference
    return {
        "verdict": verdict.level.name,
        "first_difference": None
        if first is None
        else {"stage": first.stage, "label": first.label, "detail": first.detail},
        "likely_cause": verdict.cause_in_words() or None,
        "likely_causes": [asdict(cause) for cause in verdict.likely],
        "other_differences": [asdict(cause) for cause in verdict.other],
        "probabilities": asdict(verdict.parity) if verdict.parity else None,
        "accuracy_tolerance": verdict.accuracy_tolerance,
        "metrics": {name: list(pair) for name, pair in verdict.metrics.items()},
        "stages": [asdict(stage) for stage in verdict.stages],
    }
