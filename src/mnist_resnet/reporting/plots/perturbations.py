"""Pictures of what perturbations do to images and to the accuracy."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.evaluation.perturbations import PERTURBATIONS, perturb
from mnist_resnet.evaluation.robustness import Robustness
from mnist_resnet.reporting.plots.figure import BLUE, GREY, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.gridspec import GridSpec

_PANELS_IN_A_ROW = 3


def robustness(measured: Robustness, example: UInt8Array, seed: int, title: str) -> "Figure":
    """For each perturbation the accuracy over the strength with 95 % intervals, and below one image at each strength.

    Args:
        measured: The accuracies.
        example: uint8 (height, width), the image to perturb for show.
        seed: Where all chance comes from, not negative.
        title: Above the picture.
    """
    columns = 1 + max(map(len, measured.perturbed.values()))
    rows = -(-len(measured.perturbed) // _PANELS_IN_A_ROW)
    figure = new_figure(3.8 * _PANELS_IN_A_ROW, 3.5 * rows + 0.5, title)
    grid = figure.add_gridspec(2 * rows, columns * _PANELS_IN_A_ROW, height_ratios=(2.4, 1) * rows)
    first: Axes | None = None
    for number, (name, accuracies) in enumerate(measured.perturbed.items()):
        row, panel = divmod(number, _PANELS_IN_A_ROW)
        left = panel * columns
        axes = figure.add_subplot(grid[2 * row, left : left + columns], sharey=first)
        first = first or axes
        intervals = [measured.untouched_interval, *measured.perturbed_intervals[name].values()]
        _draw_accuracies(axes, name, {"untouched": measured.untouched, **accuracies}, intervals)
        axes.set_ylabel("accuracy, with 95 % intervals" if panel == 0 else "")
        images = [example, *(perturb(example[np.newaxis], name, float(strength), seed)[0] for strength in accuracies)]
        _draw_examples(figure, grid, 2 * row + 1, left, images)
    return figure


def _draw_accuracies(
    axes: "Axes", name: str, accuracies: Mapping[str, float], intervals: Sequence[Sequence[float]]
) -> None:
    values, (low, high) = np.array([*accuracies.values()]), np.array(intervals).T
    axes.axhline(values[0], linestyle="--", color=GREY, linewidth=1)
    # Rounding may leave an interval's end a hair beyond the accuracy of 0 or 1.
    lengths = np.maximum([values - low, high - values], 0)
    axes.errorbar(range(len(values)), values, lengths, fmt="o-", color=BLUE, elinewidth=1, capsize=2.5, markersize=4)
    for place, value in enumerate(values):
        # Below the point and to its left, where a falling line leaves room.
        axes.annotate(f"{value:.3f}", (place, value), (-3, -12), textcoords="offset points", ha="right", fontsize=8)
    axes.set_xticks(range(len(values)), accuracies, fontsize=8)
    axes.set_xlim(-0.5, len(values) - 0.5)
    axes.margins(y=0.15)
    axes.grid(alpha=0.3)
    axes.set_title(name, fontsize=10)
    axes.set_xlabel(PERTURBATIONS[name].unit, fontsize=8)


def _draw_examples(figure: "Figure", grid: "GridSpec", row: int, left: int, images: list[UInt8Array]) -> None:
    for place, image in enumerate(images):
        axes = figure.add_subplot(grid[row, left + place])
        axes.imshow(image, cmap="gray", interpolation="nearest", vmin=0, vmax=255)
        axes.set_axis_off()
