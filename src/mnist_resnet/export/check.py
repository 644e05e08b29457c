"""The check that stands between an export and its publication."""

from dataclasses import dataclass

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from mnist_resnet.config import ExportParameters
from mnist_resnet.evaluation.parity import Parity, compare, worst
from mnist_resnet.evaluation.session import CPU_PROVIDER, open_session
from mnist_resnet.export.savedmodel import savedmodel_probabilities


@dataclass(frozen=True)
class ExportParity:
    """The agreement of both exported forms with Keras, in the terms of ``evaluation.json``."""

    savedmodel_max_abs_diff: float
    onnx_max_abs_diff: float
    argmax_agreement: float


def check_exports(
    network: keras.Model,
    savedmodel: dict[str, bytes],
    onnx_model: bytes,
    images: npt.NDArray[np.uint8],
    parameters: ExportParameters,
) -> ExportParity:
    """Compare Keras, SavedModel and ONNX on the CPU, at every configured batch size.

    Args:
        network: The rebuilt network.
        savedmodel: Its SavedModel's files.
        onnx_model: Its ONNX file.
        images: uint8 (images, height, width).
        parameters: Batch sizes and tolerance.

    Raises:
        ParityError: If any of them disagrees, at any batch size.
    """
    session = open_session(onnx_model, [CPU_PROVIDER])
    by_savedmodel: list[Parity] = []
    by_onnx: list[Parity] = []
    for size in parameters.parity_batch_sizes:
        reference = keras_probabilities(network, images, size)
        by_savedmodel.append(compare(reference, savedmodel_probabilities(savedmodel, images, size)))
        by_onnx.append(compare(reference, session.probabilities(images, size)))
        by_savedmodel[-1].require(parameters.parity_tolerance, f"The SavedModel, at batch size {size},")
        by_onnx[-1].require(parameters.parity_tolerance, f"The ONNX file, at batch size {size},")
    return ExportParity(
        worst(by_savedmodel).max_abs_diff,
        worst(by_onnx).max_abs_diff,
        worst(by_savedmodel + by_onnx).argmax_agreement,
    )


def keras_probabilities(
    network: keras.Model, images: npt.NDArray[np.uint8], batch_size: int
) -> npt.NDArray[np.float32]:
    """Classify uint8 (images, height, width) by the network itself, on the CPU: float32 (images, classes)."""
    starts = range(0, len(images), batch_size)
    classify = tf.function(lambda batch: network(batch, training=False), reduce_retracing=True)
    with tf.device("/CPU:0"):
        return np.concatenate([classify(tf.constant(images[s : s + batch_size])).numpy() for s in starts])
