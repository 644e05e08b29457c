"""The parts that all pictures have in common."""

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from mnist_resnet.reporting.plots.lettering import title_lettering

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito's colours, told apart with any colour vision.
BLUE, VERMILION = "#0072B2", "#D55E00"
GREY = "#767676"


def new_figure(width: float, height: float, title: str) -> "Figure":
    """An empty figure with its title, of a size in inches, white so that it can be read on dark pages."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    (shown,), properties = title_lettering(title)
    figure.suptitle(shown, **properties)
    return figure


def as_png(figure: "Figure", dpi: int = 120) -> bytes:
    """A figure as the content of a PNG file.

    Args:
        figure: To draw.
        dpi: Pixels for each inch.
    """
    content = BytesIO()
    # Without the software's name and version, equal pictures are equal files.
    figure.savefig(content, format="png", dpi=dpi, metadata={"Software": None})
    return content.getvalue()


def hide_axes(axes: "Axes") -> None:
    """Leave frame and ticks out of a plot that is an image."""
    axes.set_axis_off()
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_visible(False)  # else Matplotlib makes the ticks all the same, to find a place for the title


def draw_accuracies(
    axes: "Axes",
    places: Sequence[float],
    accuracies: Sequence[float],
    intervals: Sequence[Sequence[float]],
    **style: Any,
) -> None:
    """A line through accuracies with their intervals.

    Args:
        axes: To draw on.
        places: Of the points, from left to right.
        accuracies: In 0 to 1.
        intervals: The lower and the upper end of each.
        style: Further arguments of Matplotlib's ``errorbar``.
    """
    values, (low, high) = np.array(accuracies), np.array(intervals).T
    # Rounding may leave an interval's end a hair beyond the accuracy of 0 or 1.
    lengths = np.maximum([values - low, high - values], 0)
    axes.errorbar(places, values, lengths, fmt="o-", color=BLUE, elinewidth=1, capsize=2.5, **style)
