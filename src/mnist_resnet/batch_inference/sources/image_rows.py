"""What is taken out of a file: images, and places that had to be refused."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mnist_resnet.data.check import are_pixels

# More are in no file; a header that declares more is damaged.
MOST_IMAGES = 2**32


class RefusedRows(NamedTuple):
    """Images of a file that cannot be classified.

    Attributes:
        row: The first one's place within the file; None if the file as a whole is meant.
        rows: How many; 0 if it only says something about the file.
        reason: In one line.
    """

    row: int | None
    rows: int
    reason: str


@dataclass(frozen=True)
class Extract:
    """Images of one file.

    Attributes:
        rows: int64 (n,), their places within the file, ascending.
        images: uint8 (n, height, width).
        refused: The others that were asked for.
    """

    rows: npt.NDArray[np.int64]
    images: npt.NDArray[np.uint8]
    refused: tuple[RefusedRows, ...]


def nothing(size: tuple[int, int], *refused: RefusedRows) -> Extract:
    """An extract without images."""
    return Extract(np.empty(0, np.int64), np.empty((0, *size), np.uint8), refused)


def joined(extracts: list[Extract], size: tuple[int, int]) -> Extract:
    """Extracts of one file, one after the other."""
    if len(extracts) == 1:
        return extracts[0]
    return Extract(
        np.concatenate([np.empty(0, np.int64), *(each.rows for each in extracts)]),
        np.concatenate([np.empty((0, *size), np.uint8), *(each.images for each in extracts)]),
        tuple(refused for each in extracts for refused in each.refused),
    )


def grey_images(first: int, values: npt.NDArray[Any]) -> Extract:
    """Pixels of any number type as bytes; an image with a value that is no pixel is refused.

    Args:
        first: The first image's place within the file.
        values: (n, height, width).
    """
    rows = np.arange(first, first + len(values), dtype=np.int64)
    if values.dtype == np.uint8:
        return Extract(rows, values, ())
    pixels = are_pixels(values)
    whole = pixels.all(axis=(1, 2))
    refused = (
        RefusedRows(
            int(rows[place]), 1, f"a pixel is {values[place][~pixels[place]][0]:g}, not a whole number of 0 to 255"
        )
        for place in np.flatnonzero(~whole)
    )
    return Extract(rows[whole], values[whole].astype(np.uint8), tuple(refused))


def shape_fault(shape: tuple[int, ...], size: tuple[int, int]) -> str | None:
    """Why an image of this shape does not fit the model; None if it does: an axis for one channel may be there."""
    height, width = size
    if shape in {size, (1, *size), (*size, 1)}:
        return None
    given = "×".join(map(str, shape))
    if len(shape) == 3 and {shape[0], shape[2]} & {2, 3, 4}:
        return f"images of {given} have colours; make them grey, with one value from 0 to 255 for each pixel"
    return f"images of {given}, but the model takes {height}×{width}; bring them to that size"
