"""Trials that differ only by the seeds of training, and the statistics of their figures."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mnist_resnet.sweep.plan import digest
from mnist_resnet.sweep.trial_result import Figures, TrialResult

FIGURES = ("validation_loss", "validation_accuracy", "test_accuracy")


@dataclass(frozen=True)
class Statistics:
    """A figure over trials.

    Attributes:
        mean: The arithmetic mean.
        standard_deviation: Of the sample, with n - 1; None of a single trial.
        n: How many trials.
        worst: The least accuracy, the greatest loss, or the longest time.
        best: The other end.
    """

    mean: float
    standard_deviation: float | None
    n: int
    worst: float
    best: float


@dataclass(frozen=True)
class Group:
    """The finished trials that differ only by the seeds of training.

    Attributes:
        overrides: What they have in common, by dotted key.
        trials: Their numbers.
        statistics: By data set, each of ``FIGURES`` that they have.
        seconds: They took.
    """

    overrides: Mapping[str, Any]
    trials: tuple[int, ...]
    statistics: Mapping[str, Mapping[str, Statistics]]
    seconds: Statistics


def groups_of(finished: Iterable[TrialResult]) -> tuple[Group, ...]:
    """The groups of finished trials, those with the lowest mean validation loss first."""
    alike: dict[str, list[TrialResult]] = {}
    for result in finished:
        alike.setdefault(digest(result.trial.without_seeds), []).append(result)
    return tuple(sorted(map(_group, alike.values()), key=_mean_losses))


def _group(results: Sequence[TrialResult]) -> Group:
    return Group(
        overrides=results[0].trial.without_seeds,
        trials=tuple(result.trial.number for result in results),
        statistics=_statistics(results),
        seconds=_spread([result.seconds for result in results], "seconds"),
    )


def _mean_losses(group: Group) -> list[float]:
    means = [figures["validation_loss"].mean for figures in group.statistics.values() if "validation_loss" in figures]
    return means or [math.inf]


def _statistics(results: Sequence[TrialResult]) -> dict[str, dict[str, Statistics]]:
    found: dict[str, dict[str, Statistics]] = {}
    for name in dict.fromkeys(name for result in results for name in result.figures):
        figures = [result.figures[name] for result in results if name in result.figures]
        values = {figure: finite(figures, figure) for figure in FIGURES}
        found[name] = {figure: _spread(each, figure) for figure, each in values.items() if each}
    return found


def finite(figures: Iterable[Figures], name: str) -> list[float]:
    """One of ``FIGURES`` of each that has it, as far as it is a finite number."""
    values = [getattr(each, name) for each in figures]
    return [value for value in values if value is not None and math.isfinite(value)]


def _spread(values: Sequence[float], figure: str) -> Statistics:
    least, most = min(values), max(values)
    worst, best = (least, most) if figure.endswith("accuracy") else (most, least)
    deviation = statistics.stdev(values) if len(values) > 1 else None
    return Statistics(statistics.fmean(values), deviation, len(values), worst, best)
