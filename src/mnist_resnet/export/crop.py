"""Kernels without the weights that meet nothing but padding: the same function in a smaller file."""

from typing import Any

import keras

from mnist_resnet.export.copied_layer import copied_layer
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
    kernels = {
        layer.name: layer.get_weights()[0][layer.met] for layer in network.layers if isinstance(layer, Convolution)
    }

    def copy(layer: Any) -> Any:
        kernel = kernels.get(layer.name)
        changes = {} if kernel is None else {"kernel_size": kernel.shape[:2]}
        return copied_layer(layer, **changes)

    cropped = keras.models.clone_model(network, clone_function=copy)
    for layer in cropped.layers:
        weights = network.get_layer(layer.name).get_weights()
        layer.set_weights([kernels[layer.name], *weights[1:]] if layer.name in kernels else weights)
    cropped.trainable = False
    return cropped
