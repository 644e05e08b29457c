"""Max pooling whose gradient compiles and is deterministic."""

from itertools import product
from typing import Any

import keras

from mnist_resnet.models.axis import Axis
from mnist_resnet.models.compilation import compiles


@keras.saving.register_keras_serializable(package="mnist_resnet")
class MaxPooling(keras.layers.MaxPooling2D):  # type: ignore[misc]  # keras is untyped
    """``keras.layers.MaxPooling2D``, with ``same`` padding computed from slices where a compiled step trains it.

    XLA has no deterministic gradient of max pooling: on a GPU it adds up in any order, or refuses. The maximum of one
    strided slice for each place of the window has equal outputs, and a gradient of selections and sums. As in the
    pooling of both backends, the gradient of equal places goes to the first of them, row by row.

    In inference, in exported graphs, and where TensorFlow trains operation by operation, it is the plain pooling.

    Args:
        **options: As for ``keras.layers.MaxPooling2D``.
    """

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Pool (batch, height, width, channels)."""
        if training and compiles() and self.data_format == "channels_last" and self.padding == "same":
            return self._of_slices(inputs)
        return super().call(inputs)

    def _of_slices(self, inputs: Any) -> Any:
        ops = keras.ops
        rows, columns = (Axis(*each) for each in zip(inputs.shape[1:3], self.pool_size, self.strides, strict=True))
        margins = ((0, 0), rows.margins, columns.margins, (0, 0))
        padded = ops.pad(inputs, margins, constant_values=float("-inf"))
        highest = None
        for row, column in product(range(self.pool_size[0]), range(self.pool_size[1])):
            values = padded[:, _met(rows, row), _met(columns, column)]
            if highest is None:
                highest = values
            else:
                higher = ops.logical_or(values > highest, ops.isnan(values))
                highest = ops.where(higher, values, highest)
        return highest


def _met(axis: Axis, tap: int) -> slice:
    """What one place of the window meets of the padded image."""
    return slice(tap, tap + (axis.places - 1) * axis.stride + 1, axis.stride)
