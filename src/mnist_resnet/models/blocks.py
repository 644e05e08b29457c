"""The residual block, as a function on Keras tensors, and the layers that it is made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras

from mnist_resnet.config import ModelParameters
from mnist_resnet.models.convolution import Convolution
from mnist_resnet.models.normalization import FusedBatchNormalization


@dataclass(frozen=True)
class Layers:
    """The layers that every part of a network uses, with what the parameters fix bound once."""

    parameters: ModelParameters

    def convolve(
        self, inputs: Any, filters: int, kernel_size: int, strides: int, name: str, kernel: str | None = None
    ) -> Any:
        """A padded convolution, named after its place, whose kernel is initialized as ``kernel`` says, if it does."""
        options = {
            "padding": "same",
            "use_bias": self.parameters.convolution_bias,
            "kernel_initializer": kernel or self.parameters.kernel_initializer,
        }
        return Convolution(filters, kernel_size, strides=strides, name=f"{name}_conv", **options)(inputs)

    def normalize(self, inputs: Any, name: str, gamma: str = "ones") -> Any:
        """A batch norm, whose scale is initialized as ``gamma`` says."""
        momentum, epsilon = self.parameters.batch_norm_momentum, self.parameters.batch_norm_epsilon
        norm = FusedBatchNormalization(momentum=momentum, epsilon=epsilon, gamma_initializer=gamma, name=f"{name}_norm")
        return norm(inputs)


class Convolved(NamedTuple):
    """The size of one convolution of a block."""

    filters: int
    kernel_size: int
    strides: int = 1


def basic(filters: int, strides: int) -> tuple[Convolved, ...]:
    """Two 3×3 convolutions (He et al. 2016, figure 5, left)."""
    return Convolved(filters, 3, strides), Convolved(filters, 3)


def bottleneck(filters: int, strides: int) -> tuple[Convolved, ...]:
    """1×1, 3×3 and 1×1 convolutions, a quarter as wide within (He et al. 2016, figure 5, right).

    The stride is that of the 3×3 convolution, which loses less than the paper's strided 1×1.
    """
    return Convolved(filters // 4, 1), Convolved(filters // 4, 3, strides), Convolved(filters, 1)


def residual_block(inputs: Any, layers: Layers, convolutions: Sequence[Convolved], project: bool, name: str) -> Any:
    """Convolutions beside a shortcut: norm and ReLU after each (He et al. 2016), or before each (2016b, figure 1b).

    Args:
        inputs: (batch, height, width, channels).
        layers: The bound layers.
        convolutions: ``basic`` or ``bottleneck``.
        project: Whether the shortcut is a 1×1 convolution (option B) or the input itself.
        name: Prefix of the layer names.

    Returns:
        (batch, height / strides, width / strides, filters).
    """
    relu, parameters, last = keras.layers.ReLU, layers.parameters, len(convolutions)
    residual, shortcut = inputs, inputs
    for number, (filters, kernel_size, strides) in enumerate(convolutions, start=1):
        place, zero = f"{name}_{number}", parameters.zero_last_gamma and number == last
        if parameters.preactivation:
            residual = relu(name=f"{place}_relu")(layers.normalize(residual, place))
            shortcut = residual if project and number == 1 else shortcut  # what is projected is activated, too
            # A last norm that starts at zero would have no gradient, since a ReLU follows it.
            residual = layers.convolve(residual, filters, kernel_size, strides, place, "zeros" if zero else None)
        else:
            residual = layers.convolve(residual, filters, kernel_size, strides, place)
            residual = layers.normalize(residual, place, "zeros" if zero else "ones")
            residual = residual if number == last else relu(name=f"{place}_relu")(residual)
    if project:
        place, strides = f"{name}_projection", max(size.strides for size in convolutions)
        shortcut = layers.convolve(shortcut, convolutions[-1].filters, 1, strides, place)
        shortcut = layers.normalize(shortcut, place) if parameters.projection_norm else shortcut
    total = keras.layers.Add(name=f"{name}_add")([shortcut, residual])
    return total if parameters.preactivation else relu(name=f"{name}_relu")(total)
