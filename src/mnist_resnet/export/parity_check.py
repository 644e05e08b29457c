"""The check that stands between an export and its publication."""

import logging
from collections.abc import Mapping
from functools import cache

import keras
import numpy as np

from mnist_resnet.config import ExportParameters
from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.evaluation.parity import DIFFERENCE, Parity, compare
from mnist_resnet.evaluation.session import ClassifyBatches
from mnist_resnet.export.on_tensorflow import exact_probabilities
from mnist_resnet.export.reference import ClassifyByKeras, keras_classifier

logger = logging.getLogger(__name__)


def check_parity(
    network: keras.Model, formats: Mapping[str, ClassifyBatches], images: UInt8Array, parameters: ExportParameters
) -> dict[str, float]:
    """Compare each exported format with Keras on the CPU, at every configured batch size.

    Half-trained networks with large logits magnify the rounding of float32 in every form of themselves. So a
    difference beyond the tolerance is held against the rounding error of the network's own answers, too.

    Args:
        network: The rebuilt network.
        formats: By name, what classifies images by the exported files.
        images: uint8 (images, height, width).
        parameters: Batch sizes and tolerance.

    Returns:
        The largest difference of a probability by format, as ``<format>_max_abs_diff``, and ``argmax_agreement``,
        the least share of images with the same class.

    Raises:
        ParityError: If any format disagrees, at any batch size.
    """
    by_keras = keras_classifier(network)
    rounding_error = cache(lambda: _rounding_error(network, by_keras, images))  # takes seconds, and seldom matters
    found: dict[str, list[Parity]] = {name: [] for name in formats}
    for size in parameters.parity_batch_sizes:
        reference = by_keras(images, size)
        for name, classify in formats.items():
            parity, tolerance = compare(reference, classify(images, size)), parameters.parity_tolerance
            if parity.max_abs_diff > tolerance and parameters.parity_rounding_factor:
                tolerance = max(tolerance, parameters.parity_rounding_factor * rounding_error())
            parity.require(tolerance, f"The {name} export, at batch size {size},")
            found[name].append(parity)
    differences = {f"{name}{DIFFERENCE}": max(each.max_abs_diff for each in found[name]) for name in formats}
    return differences | {"argmax_agreement": min(each.argmax_agreement for all_ in found.values() for each in all_)}


def _rounding_error(network: keras.Model, by_keras: ClassifyByKeras, images: UInt8Array) -> float:
    """The largest difference of a probability that computing in float32 makes, instead of float64."""
    exact = exact_probabilities(network, images)
    found = float(np.abs(by_keras(images, len(images)) - exact).max())
    logger.info("Rounding to float32 moves the trained network's own probabilities by up to %.1e", found)
    return found
