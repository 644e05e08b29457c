"""The residual block, as a function on Keras tensors, and the layers that it is made of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import keras

from mnist_resnet.config import ModelParameters
from mnist_resnet.models.convolution import Convolution
from mnist_resnet.models.normalization import FusedBatchNormalization


@dataclass(frozen=True)
class Layers:
    """The layers that every part of a network uses, with their repeated arguments bound once.

    Attributes:
        convolution: ``(filters, kernel_size, strides=, name=)``, padded.
        normalization: ``(name=, gamma_initializer=)``.
        last_gamma: How the scale of a block's last norm is initialized.
        projection_norm: Whether a norm follows the projection of a shortcut.
        preactivation: Whether norm and ReLU precede a block's convolutions (He et al. 2016b).
    """

    convolution: Callable[..., Any]
    normalization: Callable[..., Any]
    last_gamma: str
    projection_norm: bool
    preactivation: bool

    @classmethod
    def from_parameters(cls, parameters: ModelParameters) -> "Layers":
        """Bind the arguments that the parameters fix."""
        return cls(
            convolution=partial(
                Convolution,
                padding="same",
                use_bias=parameters.convolution_bias,
                kernel_initializer=parameters.kernel_initializer,
            ),
            normalization=partial(
                FusedBatchNormalization,
                momentum=parameters.batch_norm_momentum,
                epsilon=parameters.batch_norm_epsilon,
            ),
            last_gamma="zeros" if parameters.zero_last_gamma else "ones",
            projection_norm=parameters.projection_norm,
            preactivation=parameters.preactivation,
        )

    def convolve(self, inputs: Any, filters: int, kernel_size: int, strides: int, name: str) -> Any:
        """A convolution, named after its place."""
        return self.convolution(filters, kernel_size, strides=strides, name=f"{name}_conv")(inputs)

    def normalize(self, inputs: Any, name: str, gamma: str = "ones") -> Any:
        """A norm, whose scale is initialized as ``gamma`` says."""
        return self.normalization(name=f"{name}_norm", gamma_initializer=gamma)(inputs)


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
    relu, last = keras.layers.ReLU, len(convolutions)
    residual, shortcut = inputs, inputs
    for number, (filters, kernel_size, strides) in enumerate(convolutions, start=1):
        place, gamma = f"{name}_{number}", layers.last_gamma if number == last else "ones"
        if layers.preactivation:
            residual = relu(name=f"{place}_relu")(layers.normalize(residual, place, gamma))
            shortcut = residual if project and number == 1 else shortcut  # what is projected is activated, too
            residual = layers.convolve(residual, filters, kernel_size, strides, place)
        else:
            residual = layers.convolve(residual, filters, kernel_size, strides, place)
            residual = layers.normalize(residual, place, gamma)
            residual = residual if number == last else relu(name=f"{place}_relu")(residual)
    if project:
        place, strides = f"{name}_projection", max(size.strides for size in convolutions)
        shortcut = layers.convolve(shortcut, convolutions[-1].filters, 1, strides, place)
        shortcut = layers.normalize(shortcut, place) if layers.projection_norm else shortcut
    total = keras.layers.Add(name=f"{name}_add")([shortcut, residual])
    return total if layers.preactivation else relu(name=f"{name}_relu")(total)
