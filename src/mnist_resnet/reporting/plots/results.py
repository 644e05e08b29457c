"""Pictures of how good the answers are."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mnist_resnet.evaluation.calibration import Bin, Calibration
from mnist_resnet.reporting.plots.figure import BLUE, GREY, new_figure
from mnist_resnet.reporting.plots.lettering import name_lettering

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


# A cell and the largest matrix, in inches: one of 256 classes with cells for counts would need gigabytes.
_CELL, _LARGEST = 0.62, 20


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
    _draw_accuracies(above, calibration.bins)
    above.set(xlim=(0, 1), ylim=(-0.02, 1.02), ylabel="accuracy")
    above.set_title(f"expected calibration error {calibration.expected_calibration_error:.4f}", fontsize=9)
    above.legend(loc="upper left")
    _draw_counts(below, calibration.bins)
    below.set(xlabel="confidence", ylabel="images")
    for axes in (above, below):
        axes.grid(alpha=0.3)
    return figure


def _draw_accuracies(axes: "Axes", bins: Sequence[Bin]) -> None:
    accuracies = np.array([entry.accuracy for entry in bins])
    low, high = np.array([entry.accuracy_interval for entry in bins]).T
    # Rounding may leave an interval's end a hair beyond the accuracy of 0 or 1.
    lengths = np.maximum([accuracies - low, high - accuracies], 0)
    confidences = [entry.confidence for entry in bins]
    label = "model, with 95 % confidence intervals"
    axes.errorbar(confidences, accuracies, lengths, fmt="o-", color=BLUE, elinewidth=1, capsize=2.5, label=label)


def _draw_counts(axes: "Axes", bins: Sequence[Bin]) -> None:
    lefts, widths = [entry.lower for entry in bins], [entry.upper - entry.lower for entry in bins]
    axes.bar(lefts, [entry.images for entry in bins], widths, align="edge", color=BLUE, edgecolor="white")
    # Nearly all images of a good classifier are in the last bin.
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.5)
    axes.yaxis.set_major_formatter("{x:,.0f}")
