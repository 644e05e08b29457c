"""Convolution that is faster to train on small images, as products of matrices."""

from typing import Any

import keras

from mnist_resnet.models.axis import Axis
from mnist_resnet.models.compilation import compiles
from mnist_resnet.models.small_images import convolve_by_places, with_kernel_gradient_by_taps

# Where products were measured to gain: places of the output along an axis, and rows or columns of the kernel.
MOST_PLACES, LARGEST_KERNEL = 2, 3


@keras.saving.register_keras_serializable(package="mnist_resnet")
class Convolution(keras.layers.Conv2D):  # type: ignore[misc]  # keras is untyped
    """``keras.layers.Conv2D``, faster to train with ``same`` padding on small images, as it spares work on the padding.

    - An output of a single place is one product of the image with the weights that meet it: of a 3×3 kernel on a 1×1
      image only the centre. All others have gradient zero, as they do in the convolution.
    - On TensorFlow, where XLA does not compile the step, an output of up to 2×2 places is a product for each of them,
      and the gradient of its kernel one for each tap.

    Both are equal to the convolution but for rounding. In inference, and so in exported graphs, it is the plain one.

    Args:
        **options: As for ``keras.layers.Conv2D``.
    """

    def add_weight(self, *arguments: Any, **options: Any) -> Any:
        """Keep the kernel as it is stored: under mixed precision only the part in use is converted."""
        whole = options.get("name") != "kernel"
        return super().add_weight(*arguments, **options, autocast=whole)

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Convolve in the layer's precision."""
        return super().convolution_op(inputs, keras.ops.cast(kernel, self.compute_dtype))

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Convolve (batch, height, width, channels)."""
        size = inputs.shape[1:3]
        if not training or not self.is_product(size):
            return super().call(inputs)
        rows, columns = self._axes(size)
        kernel = keras.ops.convert_to_tensor(self.kernel)  # JAX 0.11 slices no variable of Keras
        if rows.places == columns.places == 1:
            outputs = convolve_by_places(inputs, kernel, rows, columns)
        else:
            kernel = keras.ops.cast(kernel, self.compute_dtype)
            outputs = convolve_by_places(inputs, keras.ops.stop_gradient(kernel), rows, columns)
            outputs = with_kernel_gradient_by_taps(outputs, inputs, kernel, rows, columns)
        return self.activation(outputs + self.bias if self.use_bias else outputs)

    def is_product(self, size: tuple[int | None, int | None]) -> bool:
        """Whether products of matrices take the convolution's place in a training step.

        Args:
            size: Height and width of the image; None where they are not known.
        """
        places = max((axis.places for axis in self._axes(size)), default=0)
        small = 1 < places <= MOST_PLACES and 1 < max(self.kernel_size) <= LARGEST_KERNEL
        return places == 1 or (small and not compiles())

    @property
    def met(self) -> tuple[slice, slice]:
        """Which rows and columns of the kernel can meet the image rather than nothing but padding."""
        axes = self._axes(self.input.shape[1:3])
        if not axes or max(axis.places for axis in axes) > 1:
            return slice(None), slice(None)
        rows, columns = axes
        return rows.at_place(0)[1], columns.at_place(0)[1]

    def _axes(self, size: tuple[int | None, int | None]) -> tuple[Axis, ...]:
        """Height and width, if nothing but ``same`` padding decides which weights count."""
        height, width = size
        plain = self.padding == "same" and self.groups == 1 and max(self.dilation_rate) == 1
        if height is None or width is None or not plain or self.data_format != "channels_last":
            return ()
        return tuple(Axis(*each) for each in zip((height, width), self.kernel_size, self.strides, strict=True))
