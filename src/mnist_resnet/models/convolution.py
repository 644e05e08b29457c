"""Convolution that spares, while training, the work on weights that meet nothing but padding."""

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="mnist_resnet")
class Convolution(keras.layers.Conv2D):  # type: ignore[misc]  # keras is untyped
    """``keras.layers.Conv2D``, faster to train where its output is one place wide and high.

    There, with ``same`` padding, most of a kernel lies over the padding: of a 3×3 kernel on a 1×1
    image only the centre counts. The outputs are then one matrix product of the image with the
    weights that meet it; all other weights have gradient zero, as they do in the convolution.
    In inference, and so in exported graphs, it is the plain convolution.

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
        if training and self._sees_all_at_once(inputs.shape[1:3]):
            return self._multiplied(inputs)
        return super().call(inputs)

    @property
    def met(self) -> tuple[slice, slice]:
        """Which rows and columns of the kernel can meet the image rather than nothing but padding."""
        size = self.input.shape[1:3]
        if not self._sees_all_at_once(size):
            return slice(None), slice(None)
        return _met(size, self.kernel_size)

    def _sees_all_at_once(self, size: tuple[int | None, int | None]) -> bool:
        """Whether the output has a single place, and nothing but padding decides which weights count."""
        single = all(extent is not None and extent <= stride for extent, stride in zip(size, self.strides, strict=True))
        plain = self.padding == "same" and self.groups == 1 and max(self.dilation_rate) == 1
        return single and plain and self.data_format == "channels_last"

    def _multiplied(self, inputs: Any) -> Any:
        ops, (height, width, channels) = keras.ops, inputs.shape[1:]
        rows, columns = _met((height, width), self.kernel_size)
        met = rows.stop - rows.start, columns.stop - columns.start
        # An index has a gradient of equal bits that takes TensorFlow longer; JAX 0.11 slices no variable of Keras.
        whole = ops.convert_to_tensor(self.kernel)
        part = ops.slice(whole, (rows.start, columns.start, 0, 0), (*met, channels, self.filters))
        image = inputs if met == (height, width) else inputs[:, : met[0], : met[1]]
        places = met[0] * met[1] * channels
        kernel = ops.reshape(ops.cast(part, self.compute_dtype), (places, self.filters))
        outputs = ops.reshape(ops.matmul(ops.reshape(image, (-1, places)), kernel), (-1, 1, 1, self.filters))
        return self.activation(outputs + self.bias if self.use_bias else outputs)


def _met(size: tuple[int, int], kernel_size: tuple[int, int]) -> tuple[slice, slice]:
    return _meeting(size[0], kernel_size[0]), _meeting(size[1], kernel_size[1])


def _meeting(extent: int, kernel: int) -> slice:
    """The part of a kernel that lies over an image of ``extent`` when ``same`` padding centres it there."""
    first = max(kernel - extent, 0) // 2
    return slice(first, first + min(kernel, extent))
