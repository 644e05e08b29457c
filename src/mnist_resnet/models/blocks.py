"""Residual blocks, as functions on Keras tensors."""

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


class Step(NamedTuple):
    """One convolution of a block."""

    kernel_size: int
    filters: int
    strides: int


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
    return _residual_block(inputs, layers, [Step(3, filters, strides), Step(3, filters, 1)], project, name)


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
    steps = [Step(1, narrow, 1), Step(3, narrow, strides), Step(1, filters, 1)]
    return _residual_block(inputs, layers, steps, project, name)


def _residual_block(inputs: Any, layers: Layers, steps: Sequence[Step], project: bool, name: str) -> Any:
    block = _preactivated if layers.preactivation else _postactivated
    return block(inputs, layers, steps, project, name)


def _postactivated(inputs: Any, layers: Layers, steps: Sequence[Step], project: bool, name: str) -> Any:
    residual = inputs
    for number, step in enumerate(steps, start=1):
        residual = convolve(residual, layers, step, f"{name}_{number}")
        if number < len(steps):
            residual = normalize(residual, layers, f"{name}_{number}")
        else:
            residual = layers.normalization(name=f"{name}_{number}_norm", gamma_initializer=layers.last_gamma)(residual)
    shortcut = _projection(inputs, layers, steps, name) if project else inputs
    total = keras.layers.Add(name=f"{name}_add")([shortcut, residual])
    return keras.layers.ReLU(name=f"{name}_relu")(total)


def _preactivated(inputs: Any, layers: Layers, steps: Sequence[Step], project: bool, name: str) -> Any:
    """The order of He et al. 2016b, figure 1b; the projection starts from the activated input."""
    residual = activated = normalize(inputs, layers, f"{name}_1")
    for number, step in enumerate(steps, start=1):
        if number > 1:
            gamma = layers.last_gamma if number == len(steps) else "ones"
            residual = normalize(residual, layers, f"{name}_{number}", gamma)
        residual = convolve(residual, layers, step, f"{name}_{number}")
    shortcut = _projection(activated, layers, steps, name) if project else inputs
    return keras.layers.Add(name=f"{name}_add")([shortcut, residual])


def _projection(inputs: Any, layers: Layers, steps: Sequence[Step], name: str) -> Any:
    whole = Step(1, steps[-1].filters, max(step.strides for step in steps))
    outputs = convolve(inputs, layers, whole, f"{name}_projection")
    return layers.normalization(name=f"{name}_projection_norm")(outputs) if layers.projection_norm else outputs


def convolve(inputs: Any, layers: Layers, step: Step, name: str) -> Any:
    """A convolution, named after its place."""
    kernel_size, filters, strides = step
    return layers.convolution(filters, kernel_size, strides=strides, name=f"{name}_conv")(inputs)


def normalize(inputs: Any, layers: Layers, name: str, gamma: str = "ones") -> Any:
    """A norm, whose scale is initialized as ``gamma`` says, and the ReLU that follows it."""
    outputs = layers.normalization(name=f"{name}_norm", gamma_initializer=gamma)(inputs)
    return keras.layers.ReLU(name=f"{name}_relu")(outputs)
