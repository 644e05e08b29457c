"""The network as a TensorFlow SavedModel that answers raw images."""

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.evaluation.session import ClassifyBatches, batches
from mnist_resnet.models.resnet import INPUT_NAME, OUTPUT_NAME
from mnist_resnet.storage.artifacts import read_files, write_files
from mnist_resnet.storage.disk_space import temporary_folder

SIGNATURE = "serving_default"


def image_signature(network: keras.Model) -> tf.TensorSpec:
    """The input of an exported network: uint8 ``image`` (any number of images, height, width)."""
    return tf.TensorSpec((None, *network.input_shape[1:]), tf.uint8, name=INPUT_NAME)


def to_savedmodel(network: keras.Model) -> dict[str, bytes]:
    """Export a network as a SavedModel whose ``serving_default`` takes raw uint8 images.

    Args:
        network: In float32; see ``rebuild``.

    Returns:
        The SavedModel's files by relative name.
    """
    archive = keras.export.ExportArchive()
    # Keras' track() would store each weight twice: as Keras' variable and as TensorFlow's, which the graph reads.
    archive.add_variable_collection("variables", [variable.value for variable in network.variables])
    archive.add_endpoint(
        "serve",
        lambda image: {OUTPUT_NAME: network(image, training=False)},
        input_signature=[image_signature(network)],
    )
    with temporary_folder() as folder:
        archive.write_out(str(folder), verbose=False)
        return read_files(folder)


def load_savedmodel(files: dict[str, bytes]) -> ClassifyBatches:
    """Load a SavedModel as a user would, to classify images with it on the CPU.

    Args:
        files: As from ``to_savedmodel``.

    Returns:
        A function from uint8 (images, height, width) and the number of images in a call to float32 (images, classes).
    """
    with temporary_folder() as folder, tf.device("/CPU:0"):
        write_files(folder, files)
        loaded = tf.saved_model.load(str(folder))

    def classify(images: UInt8Array, batch_size: int) -> npt.NDArray[np.float32]:
        answer = loaded.signatures[SIGNATURE]
        inputs = ({INPUT_NAME: tf.constant(batch)} for batch in batches(images, batch_size))
        with tf.device("/CPU:0"):
            return np.concatenate([answer(**each)[OUTPUT_NAME].numpy() for each in inputs])

    return classify


def classify(files: dict[str, bytes], images: UInt8Array, batch_size: int) -> npt.NDArray[np.float32]:
    """Classify images by a SavedModel that is loaded for that alone; see ``load_savedmodel``."""
    return load_savedmodel(files)(images, batch_size)
