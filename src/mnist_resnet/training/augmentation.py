"""Random shifts and flips: drawn as pure functions of (seed, epoch, index), applied in the graph."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from mnist_resnet.config import TrainingParameters


@dataclass(frozen=True)
class EpochDraws:
    """Everything random about one epoch, for each training image by its index.

    Attributes:
        order: int64 (images,), the index of the image to show at each place.
        shifts: int32 (images, 2), down and right in pixels.
        flips: bool (images,), whether left and right are swapped.
    """

    order: npt.NDArray[np.int64]
    shifts: npt.NDArray[np.int32]
    flips: npt.NDArray[np.bool_]


def draw_epoch(images: int, epoch: int, parameters: TrainingParameters) -> EpochDraws:
    """Draw the order and the augmentation of one epoch; the same arguments give the same draws.

    Args:
        images: Number of training images.
        epoch: Counted from 0.
        parameters: The seed, the number of epochs and how far images are shifted and whether flipped.
    """
    generator = np.random.default_rng([parameters.seed, epoch])
    order = generator.permutation(images)
    furthest = parameters.max_shift if epoch < parameters.epochs - parameters.unshifted_epochs else 0
    shifts = generator.integers(-furthest, furthest, size=(images, 2), endpoint=True, dtype=np.int32)
    flips = generator.random(images) < (0.5 if parameters.horizontal_flip else 0.0)
    return EpochDraws(order, shifts, flips)


class Augmentation(keras.layers.Layer):  # type: ignore[misc]  # keras is untyped
    """Move and flip each image of a batch by its own draws; what moves in is black.

    Args:
        max_shift: The furthest shift, in pixels.
    """

    def __init__(self, max_shift: int) -> None:
        super().__init__(name="augmentation", dtype="uint8")
        self.max_shift = max_shift

    def call(self, image: Any, shift: Any, flip: Any) -> Any:
        """Augment a batch.

        Args:
            image: uint8 (batch, height, width).
            shift: int32 (batch, 2), down and right in pixels.
            flip: bool (batch,).

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
        return ops.take(ops.reshape(padded, (-1,)), places)
