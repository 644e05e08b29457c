"""The steps from a trained model to checked files."""

import logging
from dataclasses import asdict
from typing import Any

import numpy as np

from mnist_resnet.config import Dataset, ExportParameters, ModelParameters
from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.data.sample import spread_sample
from mnist_resnet.evaluation.metrics import Probabilities
from mnist_resnet.evaluation.validation import Validation
from mnist_resnet.evaluation.variant_check import VariantChecks
from mnist_resnet.pipelines.annotations import Network
from mnist_resnet.preprocessing import Preprocessing

logger = logging.getLogger(__name__)

_CHECKED_IMAGES = 256


def rebuild(
    trained: Network, preprocessing: Preprocessing, dataset: Dataset, model: ModelParameters, export: ExportParameters
) -> tuple[Network, Network]:
    """The trained network in float32, and the same with fewer operations and weights, which is exported."""
    from mnist_resnet.export.crop import crop
    from mnist_resnet.export.fold import fold
    from mnist_resnet.export.rebuild import average_flips, rebuild

    network = rebuild(trained, model, preprocessing, dataset)
    compact = crop(fold(network))
    return (average_flips(network), average_flips(compact)) if export.average_flips else (network, compact)


def export_savedmodel(compact: Network) -> dict[str, bytes]:
    """The files of a SavedModel, not yet checked."""
    from mnist_resnet.export.savedmodel import to_savedmodel

    return to_savedmodel(compact)


def export_onnx(
    compact: Network, dataset: Dataset, export: ExportParameters, recipe: str, origin: dict[str, Any]
) -> bytes:
    """An ONNX file, not yet checked."""
    from mnist_resnet.export.onnx import to_onnx

    metadata = {
        "class_names": dataset.class_names,
        "dataset": dataset.title,
        "data_sha256": {file["name"]: file["sha256"] for file in asdict(dataset.files).values()},
        "recipe": recipe,
        "opset": export.opset,
        "git_commit": origin["git_commit"],
        "training_run_id": origin["training_run_id"],
    }
    return to_onnx(compact, export.opset, metadata)


def check_exports(
    network: Network,
    savedmodel: dict[str, bytes],
    onnx_model: bytes,
    train_images: UInt8Array,
    train_labels: UInt8Array,
    export: ExportParameters,
) -> tuple[dict[str, bytes], bytes, dict[str, float]]:
    """The same SavedModel and ONNX file, once they agree with the network, and how closely they do."""
    from mnist_resnet.export.check import check_exports

    images = train_images[spread_sample(train_labels, _CHECKED_IMAGES, seed=0)]
    parity = check_exports(network, savedmodel, onnx_model, images, export)
    return savedmodel, onnx_model, asdict(parity)


def make_variants(
    onnx_model: bytes,
    train_images: UInt8Array,
    train_labels: UInt8Array,
    validation_images: UInt8Array,
    validation_labels: UInt8Array,
    dataset: Dataset,
    export: ExportParameters,
    providers: list[str],
    batch_sizes: list[int],
) -> tuple[dict[str, bytes], VariantChecks]:
    """The smaller files that are good enough, and what became of each variant."""
    from mnist_resnet.export.variants import make_variants

    validation = Validation(validation_images, validation_labels, providers)
    files, checks = make_variants(onnx_model, train_images, train_labels, validation, export.variants, batch_sizes)
    for check in checks:
        logger.info("%s, variant %s %s", dataset.title, check.name, check.reason)
    return files, checks


def classify_test_images(
    network: Network, savedmodel: dict[str, bytes], test_images: UInt8Array, export: ExportParameters
) -> Probabilities:
    """What Keras and the SavedModel say of the test images: (2, images, classes)."""
    from mnist_resnet.export.check import keras_probabilities
    from mnist_resnet.export.savedmodel import savedmodel_probabilities

    size = max(export.parity_batch_sizes)
    return np.stack(
        [keras_probabilities(network, test_images, size), savedmodel_probabilities(savedmodel, test_images, size)]
    )
