"""Pictures of the images themselves."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mnist_resnet.reporting.plots.canvas import hide_axes, new_figure
from mnist_resnet.reporting.plots.lettering import name_lettering

if TYPE_CHECKING:
    from matplotlib.figure import Figure

IMAGES_OF_A_CLASS = 8
# Of an image's longer side, as a share of its place.
_SIDE = 0.94


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
    axes = figure.subplots()  # for all images: axes of its own for each would take seconds to arrange
    hide_axes(axes)
    axes.set(xlim=(0, columns), ylim=(len(class_names), 0))
    for row, name in enumerate(names):
        for column, image in enumerate(images[np.flatnonzero(labels == row)[:columns]]):
            axes.imshow(image, cmap="gray", interpolation="nearest", extent=_extent(image.shape, row, column))
        axes.text(-0.1, row + 0.5, name, ha="right", va="center", fontsize=9, **lettering)
    return figure


def _extent(shape: tuple[int, ...], row: int, column: int) -> tuple[float, float, float, float]:
    """The sides of an image (height, width) in the middle of a square place: left, right, bottom, top."""
    height, width = (_SIDE * length / max(shape) for length in shape)
    return column + (1 - width) / 2, column + (1 + width) / 2, row + (1 + height) / 2, row + (1 - height) / 2


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
        hide_axes(axes)
    for axes, image, label, shares in zip(figure.axes, images, labels, probabilities, strict=False):
        predicted = int(shares.argmax())
        axes.imshow(image, cmap="gray", interpolation="nearest")
        words = f"{names[label]}\ntaken for {names[predicted]} ({shares[predicted]:.0%})"
        axes.set_title(words, fontsize=8, **lettering)
    return figure
