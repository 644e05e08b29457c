"""What a sweep comes to, for a terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mnist_resnet.config import as_typed
from mnist_resnet.sweep.outcome import OUTCOME_FILE, SweepOutcome
from mnist_resnet.sweep.plan import SEED
from mnist_resnet.sweep.promotion import Promotion
from mnist_resnet.sweep.trial_groups import FIGURES, Group, Statistics
from mnist_resnet.sweep.trial_result import TrialResult
from mnist_resnet.terminal.redaction import without_credentials

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

MOST_ROWS = 20
IN_WORDS = {"FINISHED": "finished", "PRUNED": "pruned", "FAILED": "failed", "KILLED": "interrupted"}


def as_tables(outcome: SweepOutcome) -> "list[RenderableType]":
    """A table for each data set, then its winner, the trials that failed, and the count of all."""
    parts: list[RenderableType] = [_table(outcome, name) for name in outcome.plan.namespaces if outcome.groups]
    winners = [_winner_in_words(outcome, name) for name in outcome.plan.namespaces if outcome.groups]
    winners += [_promotion_in_words(name, each) for name, each in outcome.promotions.items()]
    return [*parts, *winners, *_failures_in_words(outcome.trials), count_in_words(outcome)]


def count_in_words(outcome: SweepOutcome) -> str:
    """How many trials ended in which way, and how long the sweep took."""
    counts = [f"{count} {IN_WORDS[status]}" for status, count in outcome.counts().items()]
    missing = outcome.plan.count - len(outcome.trials)
    counts += [f"{missing} not begun"] if missing else []
    trials = "1 trial" if outcome.plan.count == 1 else f"{outcome.plan.count} trials"
    return f"{trials}: {', '.join(counts)}; {duration(outcome.seconds)}"


def duration(seconds: float) -> str:
    """A time as people read it: ``48 s``, ``3 min 20 s``, ``2 h 5 min``."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole % 3600 // 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"


def shown_value(value: Any) -> str:
    """A parameter's value as it is typed, a fraction with four significant digits."""
    return f"{value:.4g}" if isinstance(value, float) else as_typed(value)


def shown_keys(keys: Sequence[str], namespaces: Sequence[str]) -> dict[str, str]:
    """Dotted keys without what they have in common, such as ``mnist.training.``; never less than the last part.

    Args:
        keys: All keys that are shown together.
        namespaces: The data sets of the sweep. Of several, the name stays.
    """
    parts = {key: key.split(".") for key in keys}
    common = 1 if len(namespaces) == 1 else 0
    if common and len({tuple(each[:2]) for each in parts.values()}) == 1:
        common = 2
    return {key: ".".join(each[min(common, len(each) - 1) :]) for key, each in parts.items()}


def _table(outcome: SweepOutcome, namespace: str) -> "Table":
    from rich.table import Table

    varied = [key for key in outcome.plan.varied if not key.endswith(f".{SEED}")]
    rows, hidden = outcome.groups[:MOST_ROWS], len(outcome.groups) - MOST_ROWS
    table = Table(title=namespace, caption=f"{hidden} more in {OUTCOME_FILE}" if hidden > 0 else None)
    cells = []
    for key, name in shown_keys(varied, outcome.plan.namespaces).items():
        table.add_column(name)
        cells.append([shown_value(group.overrides[key]) if key in group.overrides else "" for group in rows])
    figures = [_figures(group, namespace) for group in rows]
    for name in figures[0]:
        if any(each[name] for each in figures):
            table.add_column(name, justify="right")
            cells.append([each[name] for each in figures])
    for row in zip(*cells, strict=True):
        table.add_row(*row)
    return table


def _figures(group: Group, namespace: str) -> dict[str, str]:
    """The cells of a group by the name of their column; those of figures that it does not have are empty."""
    found = group.statistics.get(namespace, {})
    spread = found.get("test_accuracy") or found.get("validation_accuracy")
    ends = (spread.worst, spread.best) if spread and spread.n > 1 else (None, None)
    return {
        "trials": str(len(group.trials)),
        **{figure.replace("_", " "): _mean(found.get(figure)) for figure in FIGURES},
        **{name: _number(end) for name, end in zip(("worst", "best"), ends, strict=True)},
        "seconds": _mean(group.seconds, digits=0),
    }


def _mean(values: Statistics | None, digits: int = 4) -> str:
    if values is None:
        return ""
    deviation = "" if values.standard_deviation is None else f" ± {values.standard_deviation:.{digits}f}"
    return f"{values.mean:.{digits}f}{deviation}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _winner_in_words(outcome: SweepOutcome, namespace: str) -> str:
    winner = outcome.winners.get(namespace)
    if winner is None:
        return f"{namespace}: no winner, since there is no validation loss that trials can be compared by"
    result = next(each for each in outcome.trials if each.trial.number == winner.trial)
    accuracy = result.figures[namespace].test_accuracy
    figures = f"validation loss {_number(winner.validation_loss)}"
    figures += f", test accuracy {_number(accuracy)}" if accuracy is not None else ""
    recorded = f"; MLflow run {winner.run_id}" if winner.run_id else ""
    return (
        f"{namespace}: best by validation loss is trial {winner.trial} ({result.trial.in_words()}): {figures}{recorded}"
    )


def _promotion_in_words(namespace: str, promotion: Promotion) -> str:
    """What became of a winner in the registry."""
    if promotion.version is None:
        what = "was not registered"
    else:
        standing = "champion" if promotion.champion else "candidate"
        what = f"is version {promotion.version} of '{namespace}' in the registry, {standing}"
    reason = without_credentials(promotion.reason)
    return f"{namespace}: trial {promotion.trial} {what}: {reason}; MLflow run {promotion.run_id}"


def _failures_in_words(results: Sequence[TrialResult]) -> list[str]:
    """Each reason for which trials ended, with their numbers."""
    alike: dict[str, list[str]] = {}
    for result in results:
        if result.reason:
            said = f"{IN_WORDS[result.status]}: {without_credentials(result.reason)}"
            alike.setdefault(said, []).append(str(result.trial.number))
    return [f"Trial{'s' * (len(each) > 1)} {', '.join(each)} {said}" for said, each in alike.items()]
