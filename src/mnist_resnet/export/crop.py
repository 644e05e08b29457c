"""Kernels without the weights that meet nothing but padding: the same function in a smaller file."""

from typing import Any

import keras

from mnist_resnet.export.copied_network import copied_network
from mnist_resnet.models.convolution import Convolution


def crop(network: keras.Model) -> keras.Model:
    """Cut each kernel to what its whole input can meet, where the output is one place wide and high.

    The last stage of a network on small images has such inputs: of a 3×3 kernel over a 1×1 image only
    the centre counts. In ResNet-18 on 32×32 pixels these are six in ten of all weights.

    Args:
        network: From ``build_network``, folded or not; it is left as it is.

    Returns:
        A network with the same answers.
    """
    weights = {layer.name: _met(layer) for layer in network.layers if isinstance(layer, Convolution)}
    changes = {name: {"kernel_size": kernel.shape[:2]} for name, (kernel, *_) in weights.items()}
    return copied_network(network, changes, weights)


def _met(convolution: Convolution) -> list[Any]:
    kernel, *biases = convolution.get_weights()
    return [kernel[convolution.met], *biases]
