"""The pictures of a sweep: accuracy by parameter, parallel coordinates, and for seeds alone a strip of points."""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mnist_resnet.reporting.plots.canvas import BLUE, GREY, VERMILION, new_figure
from mnist_resnet.sweep.outcome import SweepOutcome
from mnist_resnet.sweep.outcome_table import shown_keys
from mnist_resnet.sweep.parameter_axis import ParameterAxis
from mnist_resnet.sweep.plan import SEED
from mnist_resnet.sweep.search_space import Choice, Range
from mnist_resnet.sweep.trial_accuracies import TrialAccuracies
from mnist_resnet.sweep.trial_groups import FIGURES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PANELS_IN_A_ROW = 3
_STRIP_WIDTH = 0.5
_Style = dict[str, Any]
_FINISHED: _Style = {"marker": "o", "s": 28, "color": BLUE, "alpha": 0.8, "label": "finished"}
_PRUNED: _Style = {"marker": "o", "s": 28, "edgecolors": GREY, "facecolors": "none", "label": "pruned"}
_AT_THE_BOTTOM: _Style = {"clip_on": False, "zorder": 3}
_BELOW: _Style = {"marker": "v", "s": 28, "color": BLUE, "label": "finished, below this axis"}
_PRUNED_BELOW: _Style = _PRUNED | {"marker": "v", "label": "pruned, below this axis"}
_FAILED: _Style = {"marker": "x", "s": 36, "color": VERMILION, "label": "failed"}
_WINNER: _Style = {"marker": "*", "s": 150, "color": VERMILION, "label": "lowest validation loss", "zorder": 4}
_PRUNED_LINE: _Style = {"color": GREY, "alpha": 0.6, "linewidth": 0.9, "linestyle": ":"}


def draw(outcome: SweepOutcome) -> "dict[str, Figure]":
    """The pictures of a sweep by the path of their file; of a data set without any accuracy there are none.

    Args:
        outcome: What the sweep came to.
    """
    drawn: dict[str, Figure] = {}
    for name in outcome.plan.namespaces:
        accuracies = TrialAccuracies(outcome, name)
        if not accuracies.finished:
            continue
        axes = _parameter_axes(outcome, name)
        if not axes:
            drawn[f"{name}/accuracy_by_seed.png"] = _accuracy_by_seed(accuracies)
            continue
        drawn[f"{name}/accuracy_by_parameter.png"] = _accuracy_by_parameter(accuracies, axes)
        if len(axes) > 1:
            drawn[f"{name}/parallel_coordinates.png"] = _parallel_coordinates(accuracies, axes)
    return drawn


def _parameter_axes(outcome: SweepOutcome, namespace: str) -> dict[str, ParameterAxis]:
    """An axis for each parameter of a data set that differs between trials, seeds apart."""
    plan, axes = outcome.plan, {}
    varied = [key for key in plan.varied if key.startswith(f"{namespace}.") and not key.endswith(f".{SEED}")]
    for key, name in shown_keys(varied, [namespace]).items():
        dimension = plan.space.get(key)
        values = list(dimension.values) if isinstance(dimension, Choice) else []
        values += [trial.overrides[key] for trial in (*plan.trials, *(result.trial for result in outcome.trials))]
        axes[key] = ParameterAxis(name, values, log=dimension.log if isinstance(dimension, Range) else None)
    return axes


def _accuracy_by_seed(accuracies: TrialAccuracies) -> "Figure":
    """A point for each trial, with mean and worst, on the validation and on the test images."""
    measured = {name: accuracies.all_finished(name) for name in FIGURES if name.endswith("accuracy")}
    measured = {name: values for name, values in measured.items() if values}
    figure = new_figure(2.6 * len(measured) + 2, 4, accuracies.title)
    axes = figure.subplots()
    for place, values in enumerate(measured.values()):
        _draw_strip(axes, place, values)
    axes.set_xticks(range(len(measured)), [f"{name.partition('_')[0]} images" for name in measured])
    axes.set(xlim=(-0.6, len(measured) - 0.1), ylabel="accuracy")
    axes.margins(y=0.15)
    axes.grid(axis="y", alpha=0.3)
    axes.legend(*axes.get_legend_handles_labels(), fontsize=8, loc="best")
    return figure


def _draw_strip(axes: "Axes", place: int, values: Sequence[float]) -> None:
    """The accuracies of the trials, from left to right in their order."""
    mean, worst = sum(values) / len(values), min(values)
    steps = [_STRIP_WIDTH * (number / max(1, len(values) - 1) - 0.5) for number in range(len(values))]
    label = "" if place else "a trial"
    axes.scatter([place + step for step in steps], values, **(_FINISHED | {"label": label}))
    for value, name, colour, style in ((mean, "mean", BLUE, "-"), (worst, "worst", VERMILION, "--")):
        if name == "worst" and len(values) == 1:
            continue
        label = "" if place else name  # one of the two stands in the legend
        axes.hlines(value, place - 0.35, place + 0.35, color=colour, linestyle=style, linewidth=1.2, label=label)
        axes.annotate(f"{value:.4f}", (place + 0.36, value), fontsize=8, va="center", color=colour)


def _accuracy_by_parameter(accuracies: TrialAccuracies, parameters: dict[str, ParameterAxis]) -> "Figure":
    """A panel for each parameter, with a point for each trial."""
    columns = min(_PANELS_IN_A_ROW, len(parameters))
    rows = -(-len(parameters) // columns)
    figure = new_figure(max(5.2, 3.6 * columns), 3.2 * rows + 0.7, accuracies.title)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True).flat
    for axes, (key, parameter) in zip(grid, parameters.items(), strict=False):
        parameter.label_below(axes)
        _draw_trials(axes, accuracies, key, parameter)
        axes.grid(alpha=0.3)
    for unused in list(figure.axes)[len(parameters) :]:
        unused.remove()
    for first in figure.axes[::columns]:
        first.set_ylabel(accuracies.name)
    figure.axes[0].set_ylim(*accuracies.limits)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8)
    return figure


def _draw_trials(axes: "Axes", accuracies: TrialAccuracies, key: str, parameter: ParameterAxis) -> None:
    """A point for each trial; those far below all others, and those without an accuracy, on the lower edge."""
    low, _ = accuracies.limits
    points = (
        (accuracies.pruned, _PRUNED, _PRUNED_BELOW),
        (accuracies.finished, _FINISHED, _BELOW),
        (accuracies.winner, _WINNER, _WINNER),
        ([(trial, -math.inf) for trial in accuracies.failed], _FAILED, _FAILED),
    )
    for trials, style, below in points:
        places = [parameter.place(trial.overrides[key]) for trial, _ in trials]
        shown = [(place, accuracy) for place, (_, accuracy) in zip(places, trials, strict=True) if accuracy >= low]
        hidden = [place for place, (_, accuracy) in zip(places, trials, strict=True) if accuracy < low]
        if shown:
            axes.scatter(*zip(*shown, strict=True), **style)
        if hidden:
            axes.scatter(hidden, [low] * len(hidden), **(below | _AT_THE_BOTTOM))


def _parallel_coordinates(accuracies: TrialAccuracies, parameters: dict[str, ParameterAxis]) -> "Figure":
    """A line for each trial through its parameters to its accuracy, whose colour it has."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    figure = new_figure(1.7 * (len(parameters) + 1) + 1.6, 4.4, accuracies.title)
    axes = figure.subplots()
    colours = ScalarMappable(Normalize(*accuracies.limits, clip=True), "viridis")
    for trial, accuracy, style in _lines(accuracies, colours):
        heights = [parameter.height(trial.overrides[key]) for key, parameter in parameters.items()]
        axes.plot([*heights, accuracies.height(accuracy)], **style)
    for place, parameter in enumerate(parameters.values()):
        _draw_upright_axis(axes, place, parameter)
    axes.axvline(len(parameters), color=GREY, linewidth=0.8)
    names = [parameter.name.replace(".", "\n") for parameter in parameters.values()]
    axes.set_xticks(range(len(names) + 1), [*names, accuracies.name.replace(" ", "\n")], fontsize=8, parse_math=False)
    axes.set(xlim=(-0.25, len(parameters) + 0.05), ylim=(-0.05, 1.05), yticks=[])
    for side in axes.spines.values():
        side.set_visible(False)
    figure.colorbar(colours, ax=axes, label=accuracies.name, extend="min" if accuracies.has_below() else "neither")
    if axes.get_legend_handles_labels()[0]:
        figure.legend(loc="outside lower center", ncols=2, fontsize=8)
    return figure


def _lines(accuracies: TrialAccuracies, colours: Any) -> Iterator[tuple[Any, float, _Style]]:
    """Each trial with its accuracy and its line's style, the best last, so that it lies on top."""
    for number, (trial, accuracy) in enumerate(accuracies.pruned):
        yield trial, accuracy, _PRUNED_LINE | ({} if number else {"label": "pruned"})
    for trial, accuracy in sorted(accuracies.finished, key=lambda each: each[1]):
        yield trial, accuracy, {"color": colours.to_rgba(accuracy), "alpha": 0.85, "linewidth": 1.3}
    for trial, accuracy in accuracies.winner:
        yield trial, accuracy, {"color": VERMILION, "linewidth": 2.2, "label": "lowest validation loss"}


def _draw_upright_axis(axes: "Axes", place: int, parameter: ParameterAxis) -> None:
    axes.axvline(place, color=GREY, linewidth=0.8)
    box = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.5}
    for height, label in parameter.ticks():
        axes.annotate(label, (place, height), (3, 0), textcoords="offset points", va="center", fontsize=8, bbox=box)
