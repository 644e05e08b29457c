"""Random shifts, flips and erasures: drawn as pure functions of (seed, epoch, index), applied in the graph."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_resnet.computing.backend import keras
from mnist_resnet.config import TrainingParameters

# Share of the image and ratio of height to width of an erased rectangle (Zhong et al. 2017).
_ERASED_AREA, _ERASED_ASPECT = (0.02, 0.4), (0.3, 1 / 0.3)


@dataclass(frozen=True)
class EpochDraws:
    """Everything random about one epoch, for each training image by its index.

    Attributes:
        order: int64 (images,), the index of the image to show at each place.
        shifts: int32 (images, 2), down and right in pixels.
        flips: bool (images,), whether left and right are swapped.
        erased: int32 (images, 4), top, left, height and width of a rectangle to blacken, in pixels.
    """

    order: npt.NDArray[np.int64]
    shifts: npt.NDArray[np.int32]
    flips: npt.NDArray[np.bool_]
    erased: npt.NDArray[np.int32]


def draw_epoch(images: int, image_size: tuple[int, int], epoch: int, parameters: TrainingParameters) -> EpochDraws:
    """Draw the order and the augmentation of one epoch; the same arguments give the same draws.

    Args:
        images: Number of training images.
        image_size: (height, width) of the raw images in pixels.
        epoch: Counted from 0.
        parameters: The seed, the number of epochs and what is done to the images.
    """
    generator = np.random.default_rng([parameters.seed, epoch])
    order = generator.permutation(images)
    furthest = parameters.max_shift if epoch < parameters.epochs - parameters.unshifted_epochs else 0
    shifts = generator.integers(-furthest, furthest, size=(images, 2), endpoint=True, dtype=np.int32)
    flips = generator.random(images) < (0.5 if parameters.horizontal_flip else 0.0)
    erased = _draw_rectangles(generator, images, image_size, parameters.erased_fraction)
    return EpochDraws(order, shifts, flips, erased)


def _draw_rectangles(
    generator: np.random.Generator, images: int, image_size: tuple[int, int], fraction: float
) -> npt.NDArray[np.int32]:
    """A rectangle for each image; that of an image which is spared has no extent."""
    area = generator.uniform(*_ERASED_AREA, images) * np.prod(image_size)
    flattest, steepest = (math.log(ratio) for ratio in _ERASED_ASPECT)
    aspect = np.exp(generator.uniform(flattest, steepest, images))
    chosen = generator.random(images) < fraction
    extents = np.stack([np.sqrt(area * aspect), np.sqrt(area / aspect)], axis=1).round().astype(np.int32)
    extents = np.minimum(extents, image_size) * chosen[:, None]
    corners = generator.integers(0, np.asarray(image_size) - extents, endpoint=True, dtype=np.int32)
    return np.concatenate([corners, extents], axis=1, dtype=np.int32)


class Augmentation(keras.layers.Layer):  # type: ignore[misc]  # keras is untyped
    """Move, flip and erase each image of a batch by its own draws; what moves in is black.

    Args:
        max_shift: The furthest shift, in pixels.
    """

    def __init__(self, max_shift: int) -> None:
        super().__init__(name="augmentation", dtype="uint8")
        self.max_shift = max_shift

    def call(self, image: Any, shift: Any, flip: Any, erased: Any) -> Any:
        """Augment a batch.

        Args:
            image: uint8 (batch, height, width).
            shift: int32 (batch, 2), down and right in pixels.
            flip: bool (batch,).
            erased: int32 (batch, 4), top, left, height and width in pixels of the outcome.

        Returns:
            uint8 (batch, height, width).
        """
        ops, margin = keras.ops, self.max_shift
        height, width = image.shape[1:]
        padded = ops.pad(image, [[0, 0], [margin, margin], [margin, margin]])
        rows = ops.arange(height)[None, :] + margin - shift[:, :1]
        columns = ops.broadcast_to(ops.arange(width)[None, :], (ops.shape(image)[0], width))
        columns = ops.where(flip[:, None], width - 1 - columns, columns) + margin - shift[:, 1:]
        first = ops.arange(ops.shape(image)[0]) * ((height + 2 * margin) * (width + 2 * margin))
        places = first[:, None, None] + rows[:, :, None] * (width + 2 * margin) + columns[:, None, :]
        moved = ops.take(ops.reshape(padded, (-1,)), places)
        inside_rows = _within(ops.arange(height), erased[:, :1], erased[:, 2:3])
        inside_columns = _within(ops.arange(width), erased[:, 1:2], erased[:, 3:])
        hidden = ops.logical_and(inside_rows[:, :, None], inside_columns[:, None, :])
        return ops.where(hidden, ops.zeros_like(moved), moved)


def _within(places: Any, first: Any, extent: Any) -> Any:
    """Which of ``places`` (n,) lie within each of (batch, 1) stretches; bool (batch, n)."""
    places = places[None, :]
    return keras.ops.logical_and(places >= first, places < first + extent)
