"""Standardizing folded into the convolution behind it: the same function of raw pixels with fewer operations."""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from mnist_resnet.export.copied_network import copied_network
from mnist_resnet.models.axis import Axis
from mnist_resnet.models.convolution import Convolution


def fold_standardizing(network: keras.Model) -> keras.Model:
    """Let the stem's convolution read raw pixels, padded to the network's size or resized.

    Standardizing is ``scale * value + offset``, and a convolution is linear: its kernel takes over the scale, its bias
    the offset. The convolution pads standardized images with zero, and the raw value of zero is the mean. So raw images
    are padded with the mean, before the convolution. If the mean is zero, the convolution keeps its own padding.

    Args:
        network: From ``build_network``; it is left as it is.

    Returns:
        A network with the same answers, whose first convolution has a bias.
    """
    standardize = next(layer for layer in network.layers if isinstance(layer, keras.layers.Rescaling))
    stem = next(layer for layer in network.layers if isinstance(layer, Convolution))
    mean = -standardize.offset / standardize.scale
    padded_before = stem.padding == "same" and mean != 0
    axes = zip(stem.input.shape[1:3], stem.kernel_size, stem.strides, strict=True)
    margins = [Axis(*each).margins for each in axes]
    changes = {"use_bias": True} | ({"padding": "valid"} if padded_before else {})

    def call(layer: Any, inputs: Any, **options: Any) -> Any:
        if layer.name == standardize.name:
            return keras.ops.cast(inputs, "float32")
        if isinstance(layer, keras.layers.ZeroPadding2D):  # not as a layer: Keras could name the padding below like it
            return keras.ops.pad(inputs, ((0, 0), *layer.padding, (0, 0)))
        if layer.name == stem.name and padded_before:
            inputs = keras.ops.pad(inputs, ((0, 0), *margins, (0, 0)), constant_values=mean)
        return layer(inputs, **options)

    weights = {stem.name: _folded(stem.get_weights(), standardize)}
    return copied_network(network, {stem.name: changes}, weights, call)


def _folded(weights: list[npt.NDArray[np.float32]], standardize: keras.layers.Rescaling) -> list[Any]:
    """The kernel (height, width, inputs, outputs) and the bias (outputs,) for raw pixels."""
    kernel, *biases = (each.astype(np.float64) for each in weights)
    bias = sum(biases) + standardize.offset * kernel.sum(axis=(0, 1, 2))
    return [(kernel * standardize.scale).astype(np.float32), bias.astype(np.float32)]
