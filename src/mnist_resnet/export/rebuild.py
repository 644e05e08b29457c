"""The trained network as it is exported: built anew in float32, with the trained weights."""

from typing import Any

import keras
import numpy as np

from mnist_resnet.computing.keras_settings import keras_settings_put_back
from mnist_resnet.config import Dataset, ModelParameters
from mnist_resnet.models.resnet import INPUT_NAME, OUTPUT_NAME, build_network
from mnist_resnet.preprocessing import Preprocessing


def rebuild(
    trained: keras.Model,
    parameters: ModelParameters,
    preprocessing: Preprocessing,
    dataset: Dataset,
) -> keras.Model:
    """Build the network under float32 and copy the weights of a trained one.

    A model that was trained in mixed precision exports operations that onnxruntime refuses on a CPU.

    Args:
        trained: From ``build_network`` with the same arguments, under any precision.
        parameters: The network's.
        preprocessing: Fixed on the training images.
        dataset: For the raw image size and the number of classes.
    """
    with keras_settings_put_back():
        keras.config.set_dtype_policy("float32")
        network = build_network(parameters, preprocessing, dataset.image_size, len(dataset.class_names))
    network.set_weights(trained.get_weights())
    network.trainable = False
    return network


def average_flips(network: keras.Model) -> keras.Model:
    """The network that answers the mean of what a network answers to an image and to its mirror image.

    The columns are gathered by constant numbers: a flip is exported as operations on shapes, which onnxruntime keeps on
    the CPU, so that no CUDA graph can hold the model.
    """
    with keras_settings_put_back():
        keras.config.set_dtype_policy("float32")
        image = keras.Input(network.input_shape[1:], dtype="uint8", name=INPUT_NAME)
        mirrored = keras.ops.take(image, np.arange(network.input_shape[-1])[::-1].astype("int32"), axis=-1)
        probabilities = keras.layers.Average(name=OUTPUT_NAME)([network(image), network(mirrored)])
        averaging = keras.Model(image, probabilities, name=network.name)
    averaging.trainable = False
    return averaging


def in_float64(network: keras.Model) -> keras.Model:
    """The same network with every computation in float64: what its answers are without the rounding of float32."""

    def copy(layer: Any) -> Any:
        if isinstance(layer, keras.Model):
            return in_float64(layer)
        computes = isinstance(layer, keras.layers.Layer) and layer.dtype != "uint8"
        return type(layer).from_config(layer.get_config() | ({"dtype": "float64"} if computes else {}))

    exact = keras.models.clone_model(network, clone_function=copy)
    exact.set_weights(network.get_weights())
    exact.trainable = False
    return exact
