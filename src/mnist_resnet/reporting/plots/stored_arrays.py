"""Pictures of arrays as they are stored, of which little is read."""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mnist_resnet.reporting.plots.canvas import BLUE, new_figure
from mnist_resnet.storage.arrays import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLUMNS, _ROWS = 10, 6
_TILE_PIXELS = 56
_FRAME, _FRAME_GREY = 2, 96
_SHOWN_ANSWERS = 10_000
_MOST_TICKS = 32


def mosaic(images: Array) -> npt.NDArray[np.uint8]:
    """Up to 60 images, spread evenly over all, in rows of ten.

    Args:
        images: (images, height, width), at least one, grey from 0 to 255 in any type of number.

    Returns:
        uint8 (height, width), each image enlarged or thinned out to about 56 pixels, with a grey frame.
    """
    chosen = np.linspace(0, len(images) - 1, min(len(images), _COLUMNS * _ROWS)).astype(np.int64)
    tiles = np.stack([_tile(image) for image in np.asarray(images[chosen])])
    rows = -(-len(tiles) // _COLUMNS)
    framed = np.pad(tiles, ((0, rows * _COLUMNS - len(tiles)), *[(_FRAME, _FRAME)] * 2), constant_values=_FRAME_GREY)
    height, width = framed.shape[1:]
    lines = framed.reshape(rows, _COLUMNS, height, width).swapaxes(1, 2)
    return lines.reshape(rows * height, _COLUMNS * width)


def _tile(image: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    side = max(image.shape)
    thinned = image[:: -(-side // _TILE_PIXELS), :: -(-side // _TILE_PIXELS)]
    enlarged = np.kron(thinned, np.ones((max(1, _TILE_PIXELS // side),) * 2))
    return np.clip(enlarged, 0, 255).astype(np.uint8)


def label_counts(labels: Array) -> "Figure":
    """How many there are of each label.

    Args:
        labels: (labels,), of any type of number.
    """
    values, counts = np.unique(np.asarray(labels), return_counts=True)
    figure = new_figure(6, 3.4, f"{len(labels):,} labels")
    axes = figure.subplots()
    axes.bar(values, counts, color=BLUE)
    axes.set(xlabel="label", ylabel="images")
    if len(values) <= _MOST_TICKS:
        axes.set_xticks(values)
    return figure


def confidences(probabilities: npt.NDArray[np.float32]) -> "Figure":
    """How sure the answers are, by the probability of the class that each gives.

    Args:
        probabilities: float32 (…, images, classes), of which the first 10,000 images are looked at.
    """
    sure = np.asarray(probabilities[..., :_SHOWN_ANSWERS, :]).max(axis=-1).ravel()
    figure = new_figure(6, 3.4, f"{len(sure):,} answers")
    axes = figure.subplots()
    axes.hist(sure, bins=20, range=(0, 1), color=BLUE)
    axes.set(xlabel="probability of the class that is answered", ylabel="answers", yscale="log")
    return figure
