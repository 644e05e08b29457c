"""Convolutions of small images as products of matrices, which leave out the padding.

A *place* is one of the output, a *tap* one of the kernel. Images, outputs and gradients are (batch, height, width,
channels), kernels (height, width, channels, filters); padding is ``same``.
"""

from itertools import product
from typing import Any

import keras

from mnist_resnet.models.axis import Axis


def convolve_by_places(image: Any, kernel: Any, rows: Axis, columns: Axis) -> Any:
    """A convolution as one product for each place of its output: of what meets there.

    Args:
        image: What is convolved.
        kernel: In any precision; only the parts in use are converted to that of the image.
        rows: The heights.
        columns: The widths.
    """
    ops, filters, outputs = keras.ops, kernel.shape[-1], []
    for row, column in product(range(rows.places), range(columns.places)):
        (height, kernel_height), (width, kernel_width) = rows.at_place(row), columns.at_place(column)
        weights = ops.cast(_cut(kernel, 0, kernel_height, kernel_width), image.dtype)
        met = weights.shape[0] * weights.shape[1] * weights.shape[2]
        seen = ops.reshape(_cut(image, 1, height, width), (-1, met))
        outputs.append(ops.matmul(seen, ops.reshape(weights, (met, filters))))
    return ops.reshape(ops.concatenate(outputs, axis=-1), (-1, rows.places, columns.places, filters))


def with_kernel_gradient_by_taps(outputs: Any, image: Any, kernel: Any, rows: Axis, columns: Axis) -> Any:
    """The outputs, whose gradient goes on to the kernel as one product for each tap. On TensorFlow alone.

    Args:
        outputs: Of a convolution by a kernel that gets no gradient itself (``keras.ops.stop_gradient``).
        image: What was convolved.
        kernel: What gets the gradient.
        rows: The heights.
        columns: The widths.
    """
    import tensorflow as tf

    @tf.custom_gradient  # type: ignore[untyped-decorator]  # tensorflow is untyped
    def unchanged(outputs: Any, _: Any) -> Any:
        return tf.identity(outputs), lambda gradient: (gradient, _kernel_gradient(image, gradient, rows, columns))

    return unchanged(outputs, kernel)


def _kernel_gradient(image: Any, gradient: Any, rows: Axis, columns: Axis) -> Any:
    import tensorflow as tf

    channels, filters = image.shape[-1], gradient.shape[-1]
    # With a stride, a tap meets every other row or so. A slice with steps is slow; a part of the phases is not.
    margins = [(0, -axis.image % axis.stride) for axis in (rows, columns)]
    padded = tf.pad(image, [(0, 0), *margins, (0, 0)]) if any(map(any, margins)) else image
    extents = [size for axis in (rows, columns) for size in (axis.places, axis.stride)]
    phases = tf.reshape(padded, (-1, *extents, channels))
    taps = []
    for row, column in product(range(rows.kernel), range(columns.kernel)):
        (height, top), (width, left) = rows.of_tap(row), columns.of_tap(column)
        start = (0, *divmod(top, rows.stride), *divmod(left, columns.stride), 0)
        size = (-1, height.stop - height.start, 1, width.stop - width.start, 1, channels)
        met = tf.reshape(tf.slice(phases, start, size), (-1, channels))
        learned = tf.reshape(_cut(gradient, 1, height, width), (-1, filters))
        taps.append(tf.matmul(met, learned, transpose_a=True))
    return tf.reshape(tf.stack(taps), (rows.kernel, columns.kernel, channels, filters))


def _cut(tensor: Any, axis: int, *parts: slice) -> Any:
    """The parts of ``axis`` and the axis after it."""
    shape = list(keras.ops.shape(tensor))
    start = [0] * len(shape)
    for number, part in enumerate(parts, start=axis):
        start[number], shape[number] = part.start, part.stop - part.start
    # An index has a gradient of equal bits that takes TensorFlow longer.
    return keras.ops.slice(tensor, start, shape)
