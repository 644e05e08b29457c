"""Tables of a verdict for a terminal and in Markdown, and its values for programs."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mnist_resnet.comparison.finished_runs import Comparison
from mnist_resnet.comparison.verdict import NamespaceVerdict, Verdict
from mnist_resnet.reporting.report.markdown import table

if TYPE_CHECKING:
    from rich.console import RenderableType

Row = tuple[str, ...]
_SCHEMA = 1
_SUMMARY = ("data set", "verdict", "first difference", "likely cause", "max |Δ probability|", "test accuracy")
_STEPS = ("data set", "step", "comparison", "what differs")


def as_values(comparison: Comparison) -> dict[str, Any]:
    """The content of ``reproduction.json``: plain values, for JSON."""
    verdict = comparison.verdict
    return {
        "schema": _SCHEMA,
        **{
            name: {"run_id": run.run_id, "name": run.name, "started": run.started}
            for name, run in (("first", comparison.first), ("second", comparison.second))
        },
        "verdict": verdict.level.name,
        "tolerances": asdict(verdict.tolerances),
        "only_first": list(verdict.only_first),
        "only_second": list(verdict.only_second),
        "nothing_shared": list(verdict.nothing_shared),
        "namespaces": {name: _namespace_values(each) for name, each in verdict.namespaces.items()},
    }


def as_markdown(comparison: Comparison) -> str:
    """The verdict as a Markdown document."""
    summary, steps = (
        table(header, [[cell.replace("|", r"\|") for cell in row] for row in rows])
        for header, rows in _tables(comparison.verdict)
    )
    notes, others = _notes(comparison.verdict), _other_differences(comparison.verdict)
    return "\n\n".join([f"# {_title(comparison)}", *notes, summary, "## Steps", steps, *others]) + "\n"


def as_tables(comparison: Comparison) -> "list[RenderableType]":
    """The verdict for a terminal."""
    from rich.table import Table

    titles, shown = (_title(comparison), "Steps"), []
    for title, (header, rows) in zip(titles, _tables(comparison.verdict), strict=True):
        shown.append(Table(*header, title=title))
        for row in rows:
            shown[-1].add_row(*row)
    return [*shown, *_notes(comparison.verdict), *_other_differences(comparison.verdict)]


def _title(comparison: Comparison) -> str:
    first, second = (f"{run.name} ({run.run_id[:8]})" for run in (comparison.first, comparison.second))
    return f"{comparison.verdict.level.name}: {second} against {first}"


def _tables(verdict: Verdict) -> tuple[tuple[Row, list[Row]], ...]:
    """Header and rows of two tables: a line for each data set, and one for each of its steps."""
    namespaces = verdict.namespaces.items()
    summary: list[Row] = [_summary_row(name, each) for name, each in namespaces]
    steps: list[Row] = [
        (name, step.label, step.status, step.detail or "–") for name, each in namespaces for step in each.steps
    ]
    return (_SUMMARY, summary), (_STEPS, steps)


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


def _notes(verdict: Verdict) -> list[str]:
    """The data sets without a verdict."""
    without = (
        ("Only the first run has", verdict.only_first),
        ("Only the second run has", verdict.only_second),
        ("The runs have no step in common of", verdict.nothing_shared),
    )
    return [f"{why} {', '.join(names)}: no verdict on that." for why, names in without if names]


def _other_differences(verdict: Verdict) -> list[str]:
    """What differs besides the likely causes, once for all data sets."""
    found = dict.fromkeys(cause.in_words() for each in verdict.namespaces.values() for cause in each.other)
    return [f"Also different: {'; '.join(found)}."] if found else []


def _namespace_values(verdict: NamespaceVerdict) -> dict[str, Any]:
    first = verdict.first_difference
    return {
        "verdict": verdict.level.name,
        "first_difference": first and {"stage": first.name, "label": first.label, "detail": first.detail},
        "likely_cause": verdict.cause_in_words() or None,
        "likely_causes": [asdict(cause) for cause in verdict.likely],
        "other_differences": [asdict(cause) for cause in verdict.other],
        "probabilities": asdict(verdict.parity) if verdict.parity else None,
        "accuracy_tolerance": verdict.accuracy_tolerance,
        "metrics": {name: list(pair) for name, pair in verdict.metrics.items()},
        # "stage" is what a step was called when this schema was made.
        "stages": [
            {"stage": step.name, "status": step.status, "label": step.label, "detail": step.detail}
            for step in verdict.steps
        ],
    }
