"""Batch norm folded into the convolution before it: the same function with fewer operations."""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from mnist_resnet.export.copied_network import copied_network
from mnist_resnet.models.convolution import Convolution
from mnist_resnet.models.normalization import FusedBatchNormalization


def fold(network: keras.Model) -> keras.Model:
    """Fold each batch norm that directly follows a convolution into that convolution's weights.

    In inference a norm is ``scale * x + offset`` for each channel (Ioffe & Szegedy 2015, algorithm 2)
    and a convolution is linear, so that its kernel and bias can take both over (Jacob et al. 2018,
    section 3.2). Norms that follow something else, such as the first of a pre-activation block, stay.

    Args:
        network: From ``rebuild``; it is left as it is.

    Returns:
        A network with the same answers, whose folded convolutions all have a bias.
    """
    norms = _norms_by_convolution(network)
    gone = {norm.name for norm in norms.values()}

    def call(layer: Any, inputs: Any, **options: Any) -> Any:
        return inputs if layer.name in gone else layer(inputs, **options)

    changes = {name: {"use_bias": True} for name in norms}
    weights = {name: _folded(network.get_layer(name), norm) for name, norm in norms.items()}
    return copied_network(network, changes, weights, call)


def _norms_by_convolution(network: keras.Model) -> dict[str, FusedBatchNormalization]:
    """For each convolution that nothing but a norm reads, by its name, that norm."""
    readers: dict[int, list[Any]] = {}
    for layer in network.layers:
        for tensor in keras.tree.flatten(layer.input):
            readers.setdefault(id(tensor), []).append(layer)
    found = {}
    for layer in network.layers:
        reading = readers.get(id(layer.output), [])
        if isinstance(layer, Convolution) and len(reading) == 1 and isinstance(reading[0], FusedBatchNormalization):
            found[layer.name] = reading[0]
    return found


def _folded(convolution: Convolution, norm: FusedBatchNormalization) -> list[npt.NDArray[np.float32]]:
    """The kernel (height, width, inputs, outputs) and the bias (outputs,) that do the work of both layers."""
    kernel, *biases = (weight.astype(np.float64) for weight in convolution.get_weights())
    gamma, beta, mean, variance = (
        np.float64(weight) for weight in (norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance)
    )
    scale = gamma / np.sqrt(variance + norm.epsilon)
    offset = beta + (sum(biases) - mean) * scale
    return [(kernel * scale).astype(np.float32), offset.astype(np.float32)]
