"""A handwritten digit, fitted to a model's input as the images of MNIST were made."""

from typing import Any

import numpy as np
import numpy.typing as npt

# Of the 28 pixels of an image of MNIST, the digit has 20 (LeCun et al. 1998, section III.A).
_FIELD, _BOX = 28, 20
# Levels of grey, of 256, by which the strongest ink must differ from the ground.
_LEAST_INK = 32


class NoDigitError(ValueError):
    """A picture in which there is nothing that could be a digit."""


def fit_digit(grey: npt.NDArray[np.uint8], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Fit the ink of a picture into a model's input as MNIST did.

    Ink is what is brighter than the ground, the median grey of the border, or darker if the picture as a whole is. Less
    than a third of the strongest ink is taken for noise or shade and becomes black, more than two thirds become white:
    MNIST was made from black and white scans. What is left is cut out and shrunk or enlarged into a box of 20×20
    pixels with its proportions kept, each pixel being the mean of the area that it covers. The box is placed so that
    its centre of mass lies in pixel (14, 14) of 28×28, counted from 0. Inputs of other sizes have a box in proportion.

    All is computed in whole numbers, so that ``demo/page/fitting.js`` comes to the same pixels. An image of MNIST keeps
    its place and size.

    Args:
        grey: uint8 (height, width), the picture.
        size: (height, width) of the model's input, in pixels.

    Returns:
        uint8 ``size``, 0 is black.

    Raises:
        NoDigitError: If the picture has one grey throughout or hardly differs from that, or so does what is left of it.

    References:
        Y. LeCun, L. Bottou, Y. Bengio, P. Haffner: Gradient-based learning applied to document recognition, 1998.
    """
    box = _shrunk(_cut_out(_ink_of(grey)), max(1, _rounded(min(size) * _BOX, _FIELD)))
    if box.max() < _LEAST_INK:
        raise NoDigitError("too little ink; there is no digit to be seen")
    top, left = (_start(box.sum(axis=1 - axis), size[axis]) for axis in (0, 1))
    fitted = np.zeros(size, np.uint8)
    fitted[top : top + box.shape[0], left : left + box.shape[1]] = box
    return fitted


def _ink_of(grey: npt.NDArray[np.uint8]) -> Any:
    """How strong the ink is at each pixel, 0 to 255."""
    edges = np.concatenate((grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]))
    ground = int(np.sort(edges)[len(edges) // 2])
    sign = 1 if int(grey.sum(dtype=np.int64)) >= ground * grey.size else -1
    strengths = np.maximum(sign * (np.arange(256) - ground), 0)
    strongest = strengths[[grey.min(), grey.max()]].max()
    if strongest < _LEAST_INK:
        raise NoDigitError("one grey throughout; there is no digit to be seen")
    return np.clip(_rounded((3 * strengths - strongest) * 255, strongest), 0, 255).astype(np.uint8)[grey]


def _cut_out(ink: Any) -> Any:
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _shrunk(ink: Any, box: int) -> Any:
    """The means of the areas that the pixels of a square box cover, without those that lie wholly beyond the ink."""
    longest = max(ink.shape)
    return _rounded(_row_sums(_row_sums(ink, longest, box).T, longest, box).T, longest * longest)


def _row_sums(ink: Any, longest: int, box: int) -> Any:
    """The sums of the ink's rows that each row of the box covers, in parts of 1 / ``box``."""
    sums = []
    for start in range(0, len(ink) * box, longest):
        first, end = start // box, min(-(-(start + longest) // box), len(ink))
        rows = np.arange(first, end) * box
        parts = np.minimum(start + longest, rows + box) - np.maximum(start, rows)
        sums.append(parts @ ink[first:end])
    return np.array(sums)


def _start(masses: Any, field: int) -> int:
    """Where a box begins in the field, by the masses of its rows or columns; it never leaves the field."""
    twice_the_moment = int((masses * (2 * np.arange(len(masses)) + 1)).sum())
    return min(max(field // 2 - twice_the_moment // (2 * int(masses.sum())), 0), field - len(masses))


def _rounded(dividend: Any, divisor: Any) -> Any:
    return (2 * dividend + divisor) // (2 * divisor)
