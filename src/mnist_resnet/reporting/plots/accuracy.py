"""Pictures of the accuracy: by class, by confidence, and on perturbed images."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.evaluation.calibration import Bin, Calibration
from mnist_resnet.evaluation.perturbations import PERTURBATIONS, perturb
from mnist_resnet.evaluation.robustness import Robustness
from mnist_resnet.reporting.plots.canvas import BLUE, GREY, draw_accuracies, hide_axes, new_figure
from mnist_resnet.reporting.plots.lettering import name_lettering

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.gridspec import GridSpec


# A cell and the largest matrix, in inches: one of 256 classes with cells for counts would need gigabytes.
_CELL, _LARGEST = 0.62, 20
_PANELS_IN_A_ROW = 3


def confusion_matrix(counts: npt.NDArray[np.int64], class_names: Sequence[str], title: str) -> "Figure":
    """The share of each true class taken for each class, with the counts written in where there is room.

    Args:
        counts: (classes, classes), true classes in rows.
        class_names: The classes in label order.
        title: Above the picture.
    """
    cell = min(_CELL, _LARGEST / len(class_names))
    size = cell * len(class_names) + 2.2
    figure = new_figure(size + 0.6, size, title)
    axes = figure.subplots()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    # The diagonal is near one; a square root keeps small shares visible.
    axes.imshow(np.sqrt(shares), cmap="Blues", vmin=0, vmax=1)
    for row, column in np.argwhere(counts) if cell == _CELL else ():
        colour = "white" if shares[row, column] > 0.3 else "black"
        axes.text(column, row, f"{counts[row, column]:,}", ha="center", va="center", color=colour, fontsize=8)
    places, (names, lettering) = np.arange(len(class_names)), name_lettering(class_names)
    slanted = {"rotation": 45, "ha": "right"} if cell == _CELL else {"rotation": 90}
    fontsize = min(10, 60 * cell)
    axes.set_xticks(places, names, fontsize=fontsize, **slanted, **lettering)
    axes.set_yticks(places, names, fontsize=fontsize, **lettering)
    axes.set(xlabel="predicted class", ylabel="true class")
    return figure


def reliability_diagram(calibration: Calibration, title: str) -> "Figure":
    """Accuracy over confidence with 95 % confidence intervals, above the number of images in each bin.

    Args:
        calibration: The bins and the expected calibration error.
        title: Above the picture.
    """
    figure = new_figure(5.6, 6, title)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.plot([0, 1], [0, 1], linestyle="--", color=GREY, label="perfect calibration")
    draw_accuracies(
        above,
        [entry.confidence for entry in calibration.bins],
        [entry.accuracy for entry in calibration.bins],
        [entry.accuracy_interval for entry in calibration.bins],
        label="model, with 95 % confidence intervals",
    )
    above.set(xlim=(0, 1), ylim=(-0.02, 1.02), ylabel="accuracy")
    above.set_title(f"expected calibration error {calibration.expected_calibration_error:.4f}", fontsize=9)
    above.legend(loc="upper left")
    _draw_counts(below, calibration.bins)
    below.set(xlabel="confidence", ylabel="images")
    for axes in (above, below):
        axes.grid(alpha=0.3)
    return figure


def _draw_counts(axes: "Axes", bins: Sequence[Bin]) -> None:
    lefts, widths = [entry.lower for entry in bins], [entry.upper - entry.lower for entry in bins]
    axes.bar(lefts, [entry.images for entry in bins], widths, align="edge", color=BLUE, edgecolor="white")
    # Nearly all images of a good classifier are in the last bin.
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.5)
    axes.yaxis.set_major_formatter("{x:,.0f}")


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
        _draw_panel(axes, name, {"untouched": measured.untouched, **accuracies}, intervals)
        axes.set_ylabel("accuracy, with 95 % intervals" if panel == 0 else "")
        images = [example, *(perturb(example[np.newaxis], name, float(strength), seed)[0] for strength in accuracies)]
        _draw_examples(figure, grid, 2 * row + 1, left, images)
    return figure


def _draw_panel(axes: "Axes", name: str, accuracies: Mapping[str, float], intervals: Sequence[Sequence[float]]) -> None:
    places, values = range(len(accuracies)), [*accuracies.values()]
    axes.axhline(values[0], linestyle="--", color=GREY, linewidth=1)
    draw_accuracies(axes, places, values, intervals, markersize=4)
    for place, value in zip(places, values, strict=True):
        # Below the point and to its left, where a falling line leaves room.
        axes.annotate(f"{value:.3f}", (place, value), (-3, -12), textcoords="offset points", ha="right", fontsize=8)
    axes.set_xticks(places, accuracies, fontsize=8)
    axes.set_xlim(-0.5, len(values) - 0.5)
    axes.margins(y=0.15)
    axes.grid(alpha=0.3)
    axes.set_title(name, fontsize=10)
    axes.set_xlabel(PERTURBATIONS[name].unit, fontsize=8)


def _draw_examples(figure: "Figure", grid: "GridSpec", row: int, left: int, images: list[UInt8Array]) -> None:
    for place, image in enumerate(images):
        axes = figure.add_subplot(grid[row, left + place])
        axes.imshow(image, cmap="gray", interpolation="nearest", vmin=0, vmax=255)
        hide_axes(axes)
