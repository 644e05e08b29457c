"""The network as it is stored: of Keras' own layers alone, so that Keras opens it without this package."""

from typing import Any

import keras

from mnist_resnet.models.convolution import Convolution
from mnist_resnet.models.normalization import FusedBatchNormalization
from mnist_resnet.models.pooling import MaxPooling

_OWN_LAYERS = {
    Convolution: keras.layers.Conv2D,
    FusedBatchNormalization: keras.layers.BatchNormalization,
    MaxPooling: keras.layers.MaxPooling2D,
}


def portable(network: keras.Model) -> keras.Model:
    """The same network with each layer of this package's replaced by the Keras layer that it is a faster form of.

    Args:
        network: From ``build_network``; it is left as it is.

    Returns:
        A network with the same names, weights and precision of each layer. It is compiled if the other is.
    """

    def copy(layer: Any) -> Any:
        return _OWN_LAYERS.get(type(layer), type(layer)).from_config(layer.get_config())

    stored = keras.models.clone_model(network, clone_function=copy)
    stored.set_weights(network.get_weights())
    if network.compiled:
        stored.compile_from_config(network.get_compile_config())
    return stored
