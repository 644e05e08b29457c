"""The check that stands between an export and its publication."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from mnist_resnet.computing.backend import native_output_held
from mnist_resnet.config import ExportParameters
from mnist_resnet.evaluation.parity import Parity, compare, worst
from mnist_resnet.evaluation.session import CPU_PROVIDER, open_session
from mnist_resnet.export.rebuild import in_float64
from mnist_resnet.export.savedmodel import image_signature, savedmodel_probabilities

logger = logging.getLogger(__name__)


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
    tolerance = _Tolerance(network, images, parameters)
    by_savedmodel: list[Parity] = []
    by_onnx: list[Parity] = []
    for size in parameters.parity_batch_sizes:
        reference = keras_probabilities(network, images, size)
        by_savedmodel.append(compare(reference, savedmodel_probabilities(savedmodel, images, size)))
        by_onnx.append(compare(reference, session.probabilities(images, size)))
        for parity, what in (by_savedmodel[-1], "SavedModel"), (by_onnx[-1], "ONNX file"):
            parity.require(tolerance.towards(parity), f"The {what}, at batch size {size},")
    return ExportParity(
        worst(by_savedmodel).max_abs_diff,
        worst(by_onnx).max_abs_diff,
        worst(by_savedmodel + by_onnx).argmax_agreement,
    )


class _Tolerance:
    """The configured tolerance, or so many times the rounding error of the network's own answers, if that is more.

    Half-trained networks with large logits magnify the rounding of float32 in every form of themselves.
    """

    def __init__(self, network: keras.Model, images: npt.NDArray[np.uint8], parameters: ExportParameters) -> None:
        self._network, self._images = network, images
        self._fixed, self._factor = parameters.parity_tolerance, parameters.parity_rounding_factor

    def towards(self, parity: Parity) -> float:
        """What is tolerated; the rounding error, which takes seconds, is computed only if it may matter."""
        if parity.max_abs_diff <= self._fixed or not self._factor:
            return self._fixed
        return max(self._fixed, self._factor * self._rounding_error)

    @cached_property
    def _rounding_error(self) -> float:
        with native_output_held():  # TensorFlow's graph optimizer does not know every operation in float64
            exact = keras_probabilities(in_float64(self._network), self._images, len(self._images))
        found = float(np.abs(keras_probabilities(self._network, self._images, len(self._images)) - exact).max())
        logger.info("Rounding to float32 moves the trained network's own probabilities by up to %.1e", found)
        return found


def keras_probabilities(
    network: keras.Model, images: npt.NDArray[np.uint8], batch_size: int
) -> npt.NDArray[np.floating]:
    """Classify uint8 (images, height, width) by the network itself, on the CPU: (images, classes) in its precision."""
    starts = range(0, len(images), batch_size)
    with tf.device("/CPU:0"):
        classify = _traced(network)
        return np.concatenate([classify(tf.constant(images[s : s + batch_size])).numpy() for s in starts])


def _traced(network: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """The network as one graph for batches of all sizes; traced at each call, TensorFlow would warn of that."""
    function = tf.function(lambda batch: network(batch, training=False))
    traced: Callable[[tf.Tensor], tf.Tensor] = function.get_concrete_function(image_signature(network))
    return traced
