"""The answers that exported files are held against: those of the network itself, by Keras on the CPU."""

from collections.abc import Callable

import keras
import numpy as np
import numpy.typing as npt

from mnist_resnet.computing.native_output import captured_native_output
from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.evaluation.session import batches
from mnist_resnet.export.rebuild import in_float64

_Classify = Callable[[UInt8Array], npt.NDArray[np.floating]]
# From uint8 (images, height, width) and the number of images in a call to (images, classes) in the network's precision.
ClassifyByKeras = Callable[[UInt8Array, int], npt.NDArray[np.floating]]


def keras_classifier(network: keras.Model) -> ClassifyByKeras:
    """What classifies images by the network itself, on the CPU, in batches of any size.

    The backend is that of this process, which has trained the network or could have.

    Args:
        network: With its weights, which must not change any more.
    """
    classify = _by_jax(network) if keras.backend.backend() == "jax" else _by_tensorflow(network)
    return lambda images, size: np.concatenate([classify(batch) for batch in batches(images, size)])


def keras_probabilities(network: keras.Model, images: UInt8Array, batch_size: int) -> npt.NDArray[np.floating]:
    """Classify uint8 (images, height, width) by a network that classifies no others; see ``keras_classifier``."""
    return keras_classifier(network)(images, batch_size)


def exact_probabilities(network: keras.Model, images: UInt8Array) -> npt.NDArray[np.floating]:
    """Likewise, with every computation in float64, which JAX does not compute in."""
    with captured_native_output():  # TensorFlow's graph optimizer does not know every operation in float64
        return keras_probabilities(in_float64(network), images, len(images))


def _by_tensorflow(network: keras.Model) -> _Classify:
    """The network as one graph for batches of all sizes; traced at each call, TensorFlow would warn of that."""
    import tensorflow as tf

    from mnist_resnet.export.savedmodel import image_signature

    with tf.device("/CPU:0"):
        function = tf.function(lambda batch: network(batch, training=False))
        traced = function.get_concrete_function(image_signature(network))

    def classify(batch: UInt8Array) -> npt.NDArray[np.floating]:
        with tf.device("/CPU:0"):
            answers: npt.NDArray[np.floating] = traced(tf.constant(batch)).numpy()
            return answers

    return classify


def _by_jax(network: keras.Model) -> _Classify:
    """The network with its weights on the CPU, compiled for each size of a batch."""
    import jax

    cpu = jax.devices("cpu")[0]
    kinds = (network.trainable_variables, network.non_trainable_variables)
    weights = [[jax.device_put(np.asarray(each.value), cpu) for each in variables] for variables in kinds]
    answers = jax.jit(lambda given, batch: network.stateless_call(*given, batch, training=False)[0])

    def classify(batch: UInt8Array) -> npt.NDArray[np.floating]:
        with jax.default_device(cpu):
            return np.asarray(answers(weights, jax.device_put(batch, cpu)))

    return classify
