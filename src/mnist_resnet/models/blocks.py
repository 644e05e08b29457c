"""Residual blocks, as functions on Keras tensors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

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


@dataclass(frozen=True)
class Convolved:
    """The size of one convolution of a block."""

    kernel_size: int
    filters: int
    strides: int = 1


def basic_block(inputs: Any, layers: Layers, filters: int, strides: int, project: bool, name: str) -> Any:
    """Two 3×3 convolutions beside a shortcut (He et al. 2016, figure 5, left).

    Args:
        inputs: (batch, height, width, channels).
        layers: The bound layers.
        filters: Channels of the output.
        strides: Of the first convolution and of the projection.
        project: Whether the shortcut is a 1×1 convolution (option B) or the input itself.
        name: Prefix of the layer names.

    Returns:
        (batch, height / strides, width / strides, filters).
    """
    return residual_block(inputs, layers, [Convolved(3, filters, strides), Convolved(3, filters)], project, name)


def bottleneck_block(inputs: Any, layers: Layers, filters: int, strides: int, project: bool, name: str) -> Any:
    """1×1, 3×3 and 1×1 convolutions beside a shortcut (He et al. 2016, figure 5, right).

    The stride is that of the 3×3 convolution, which loses less than the paper's strided 1×1.

    Args:
        inputs: (batch, height, width, channels).
        layers: The bound layers.
        filters: Channels of the output; a quarter of them in between.
        strides: Of the 3×3 convolution and of the projection.
        project: Whether the shortcut is a 1×1 convolution or the input itself.
        name: Prefix of the layer names.

    Returns:
        (batch, height / strides, width / strides, filters).
    """
    narrow = filters // 4
    convolutions = [Convolved(1, narrow), Convolved(3, narrow, strides), Convolved(1, filters)]
    return residual_block(inputs, layers, convolutions, project, name)


def residual_block(inputs: Any, layers: Layers, convolutions: Sequence[Convolved], project: bool, name: str) -> Any:
    """Convolutions with norm and ReLU after each (He et al. 2016), or before each (He et al. 2016b, figure 1b).

    Args:
        inputs: (batch, height, width, channels).
        layers: The bound layers.
        convolutions: Their sizes, in order.
        project: Whether the shortcut is a 1×1 convolution or the input itself.
        name: Prefix of the layer names.
    """
    relu, last = keras.layers.ReLU, len(convolutions)
    residual = source = inputs
    for number, size in enumerate(convolutions, start=1):
        place, gamma = f"{name}_{number}", layers.last_gamma if number == last else "ones"
        if layers.preactivation:
            residual = relu(name=f"{place}_relu")(layers.normalize(residual, place, gamma))
            source = residual if number == 1 else source  # of the projection: the activated input
            residual = layers.convolve(residual, size.filters, size.kernel_size, size.strides, place)
        else:
            residual = layers.convolve(residual, size.filters, size.kernel_size, size.strides, place)
            residual = layers.normalize(residual, place, gamma)
            residual = residual if number == last else relu(name=f"{place}_relu")(residual)
    shortcut = _projection(source, layers, convolutions, f"{name}_projection") if project else inputs
    total = keras.layers.Add(name=f"{name}_add")([shortcut, residual])
    return total if layers.preactivation else relu(name=f"{name}_relu")(total)


def _projection(inputs: Any, layers: Layers, convolutions: Sequence[Convolved], name: str) -> Any:
    strides = max(size.strides for size in convolutions)
    outputs = layers.convolve(inputs, convolutions[-1].filters, 1, strides, name)
    return layers.normalize(outputs, name) if layers.projection_norm else outputs
