"""Pictures of the images themselves."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mnist_resnet.reporting.plots.canvas import new_figure
from mnist_resnet.reporting.plots.lettering import name_lettering

if TYPE_CHECKING:
    from matplotlib.figure import Figure

IMAGES_OF_A_CLASS = 8
_MOST_ARRANGED = 32


def image_grid(
    images: npt.NDArray[np.float32], labels: npt.NDArray[np.uint8], class_names: Sequence[str], title: str
) -> "Figure":
    """A row of up to ``IMAGES_OF_A_CLASS`` images for each class.

    Args:
        images: (images, height, width), of any range.
        labels: (images,).
        class_names: The classes in label order.
        title: Above the picture.
    """
    columns, (names, lettering) = IMAGES_OF_A_CLASS, name_lettering(class_names)
    figure = new_figure(1.0 * columns + 1.6, 1.0 * len(class_names) + 0.7, title)
    if len(class_names) > _MOST_ARRANGED:
        _arrange(figure)
    grid = figure.subplots(len(class_names), columns, squeeze=False)
    for row, name in enumerate(names):
        chosen = np.flatnonzero(labels == row)[:columns]
        for column in range(columns):
            axes = grid[row, column]
            axes.set_axis_off()
            if column < len(chosen):
                axes.imshow(images[chosen[column]], cmap="gray", interpolation="nearest")
        first = grid[row, 0]
        first.text(-0.15, 0.5, name, transform=first.transAxes, ha="right", va="center", fontsize=9, **lettering)
    return figure


def _arrange(figure: "Figure") -> None:
    """Give names and title their room; Matplotlib would take minutes to find it out for hundreds of rows."""
    height = figure.get_figheight()
    figure.set_layout_engine(None)
    figure.subplots_adjust(left=0.17, right=0.99, bottom=0, top=1 - 0.6 / height, wspace=0.05, hspace=0.05)
    figure.suptitle(figure.get_suptitle(), y=1 - 0.15 / height)


def mistakes(
    images: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.uint8],
    probabilities: npt.NDArray[np.float32],
    class_names: Sequence[str],
    title: str,
) -> "Figure":
    """Wrongly classified images with their true and predicted classes.

    Args:
        images: uint8 (mistakes, height, width), the worst first.
        labels: uint8 (mistakes,), the true classes.
        probabilities: float32 (mistakes, classes).
        class_names: The classes in label order.
        title: Above the picture.
    """
    columns, (names, lettering) = 6, name_lettering(class_names)
    rows = max(1, -(-len(images) // columns))
    figure = new_figure(1.7 * columns, 2.1 * rows + 0.6, title)
    for axes in figure.subplots(rows, columns, squeeze=False).flat:
        axes.set_axis_off()
    for axes, image, label, shares in zip(figure.axes, images, labels, probabilities, strict=False):
        predicted = int(shares.argmax())
        axes.imshow(image, cmap="gray", interpolation="nearest")
        words = f"{names[label]}\ntaken for {names[predicted]} ({shares[predicted]:.0%})"
        axes.set_title(words, fontsize=8, **lettering)
    return figure
