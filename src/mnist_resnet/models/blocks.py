"""Residual blocks, as functions on Keras tensors."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras

from mnist_resnet.config import ModelParameters
from mnist_resnet.models.normalization import FusedBatchNormalization


@dataclass(frozen=True)
class Layers:
    """The layers that every part of a network uses, with their repeated arguments bound once.

    Attributes:
        convolution: ``(filters, kernel_size, strides=, name=)``, padded, without bias, He-initialized.
        normalization: ``(name=, gamma_initializer=)``.
        last_gamma: How the scale of a block's last norm is initialized.
    """

    convolution: Callable[..., Any]
    normalization: Callable[..., Any]
    last_gamma: str

    @classmethod
    def from_parameters(cls, parameters: ModelParameters) -> "Layers":
        """Bind the arguments that the parameters fix."""
        return cls(
            convolution=partial(keras.layers.Conv2D, padding="same", use_bias=False, kernel_initializer="he_normal"),
            normalization=partial(
                FusedBatchNormalization,
                momentum=parameters.batch_norm_momentum,
                epsilon=parameters.batch_norm_epsilon,
            ),
            last_gamma="zeros" if parameters.zero_last_gamma else "ones",
        )


def convolve(
    inputs: Any, layers: Layers, filters: int, kernel_size: int, strides: int, name: str, gamma: str = "ones"
) -> Any:
    """A convolution and the norm that follows it, whose scale is initialized as ``gamma`` says."""
    outputs = layers.convolution(filters, kernel_size, strides=strides, name=f"{name}_conv")(inputs)
    return layers.normalization(name=f"{name}_norm", gamma_initializer=gamma)(outputs)


def basic_block(inputs: Any, layers: Layers, filters: int, strides: int, name: str) -> Any:
    """Two 3×3 convolutions beside a shortcut (He et al. 2016, figure 5, left).

    Args:
        inputs: (batch, height, width, channels).
        layers: The bound layers.
        filters: Channels of the output.
        strides: Of the first convolution and of the projection.
        name: Prefix of the layer names.

    Returns:
        (batch, height / strides, width / strides, filters). The shortcut is a 1×1 projection where
        the shapes differ (option B), else the input itself.
    """
    residual = convolve(inputs, layers, filters, 3, strides, f"{name}_1")
    residual = keras.layers.ReLU(name=f"{name}_1_relu")(residual)
    residual = convolve(residual, layers, filters, 3, 1, f"{name}_2", layers.last_gamma)
    shortcut = inputs
    if strides != 1 or inputs.shape[-1] != filters:
        shortcut = convolve(inputs, layers, filters, 1, strides, f"{name}_projection")
    total = keras.layers.Add(name=f"{name}_add")([shortcut, residual])
    return keras.layers.ReLU(name=f"{name}_relu")(total)
