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


def draw_epoch(
    images: int, image_size: tuple[int, ...], epoch: int, parameters: TrainingParameters, part: int = 0
) -> EpochDraws:
    """Draw the order and the augmentation of one epoch; the same arguments give the same draws.

    Args:
        images: Number of training images, or of those in the part.
        image_size: (height, width) of the raw images in pixels.
        epoch: Counted from 0.
        parameters: The seed, the number of epochs and what is done to the images.
        part: The number of a part of the epoch, counted from 1; 0 if the epoch is drawn as a whole.
    """
    generator = np.random.default_rng([parameters.seed, epoch, *([part] if part else [])])
    order = generator.permutation(images)
    furthest = parameters.max_shift if epoch < parameters.epochs - parameters.unshifted_epochs else 0
    shifts = generator.integers(-furthest, furthest, size=(images, 2), endpoint=True, dtype=np.int32)
    flips = generator.random(images) < (0.5 if parameters.horizontal_flip else 0.0)
    erased = _draw_rectangles(generator, images, image_size, parameters.erased_fraction)
    return EpochDraws(order, shifts, flips, erased)


def _draw_rectangles(
    generator: np.random.Generator, images: int, image_size: tuple[int, ...], fraction: float
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

    Each outcome is a product of matrices that select rows and columns of one image. Pixels stay as they are in any
    precision of at least 8 bits, TF32 and bfloat16 included. On a GPU, TensorFlow can gather no uint8, and computes
    with int32 on the host; both would have images travel.
    """

    def __init__(self) -> None:
        super().__init__(name="augmentation", dtype="uint8")

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
        ops = keras.ops
        shift, erased = ops.cast(shift, "float32"), ops.cast(erased, "float32")
        rows, columns = (ops.arange(extent, dtype="float32")[None, :] for extent in image.shape[1:])
        mirrored = ops.where(flip[:, None], image.shape[2] - 1 - columns, columns)
        from_rows = ops.equal((rows - shift[:, :1])[:, :, None], rows[:, None, :])
        from_columns = ops.equal(columns[:, :, None], (mirrored - shift[:, 1:])[:, None, :])
        from_rows, image, from_columns = (ops.cast(each, "float32") for each in (from_rows, image, from_columns))
        moved = ops.matmul(ops.matmul(from_rows, image), from_columns)
        hidden = _within(rows, erased[:, :1], erased[:, 2:3])[:, :, None]
        hidden = ops.logical_and(hidden, _within(columns, erased[:, 1:2], erased[:, 3:])[:, None, :])
        return ops.cast(ops.where(hidden, 0.0, moved), "uint8")


def _within(places: Any, first: Any, extent: Any) -> Any:
    """Which of (1, n) places lie within each of (batch, 1) stretches; bool (batch, n)."""
    return keras.ops.logical_and(places >= first, places < first + extent)
