"""The nodes from a trained model to checked files."""

import logging
from dataclasses import asdict
from typing import Any

import numpy as np

from mnist_resnet.config import CudaParameters, Dataset, ExportParameters, ModelParameters
from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.data.sample import spread_sample
from mnist_resnet.evaluation.metrics import Probabilities
from mnist_resnet.evaluation.validation_split import Validation
from mnist_resnet.evaluation.variant_check import VariantChecks
from mnist_resnet.pipelines.annotations import Network, Origin
from mnist_resnet.pipelines.formats import FORMATS
from mnist_resnet.preprocessing import Preprocessing

logger = logging.getLogger(__name__)

_CHECKED_IMAGES = 256


def rebuild_networks(
    model: Network,
    preprocessing: Preprocessing,
    dataset: Dataset,
    export: ExportParameters,
    parameters: ModelParameters,
) -> tuple[Network, Network]:
    """The trained network in float32, and the same with fewer operations and weights, which is exported."""
    from mnist_resnet.export.crop import crop
    from mnist_resnet.export.fold import fold
    from mnist_resnet.export.rebuild import average_flips, rebuild
    from mnist_resnet.export.standardizing import fold_standardizing

    network = rebuild(model, parameters, preprocessing, dataset)
    compact = fold_standardizing(fold(crop(network)))
    return (average_flips(network), average_flips(compact)) if export.average_flips else (network, compact)


def export_savedmodel(compact_network: Network) -> dict[str, bytes]:
    """The files of a SavedModel, not yet checked."""
    from mnist_resnet.export.on_tensorflow import to_savedmodel

    return to_savedmodel(compact_network)


def export_onnx(
    compact_network: Network, dataset: Dataset, export: ExportParameters, recipe: str, origin: Origin
) -> bytes:
    """An ONNX file, not yet checked."""
    from mnist_resnet.export.on_tensorflow import to_onnx

    metadata = {
        "class_names": dataset.class_names,
        "dataset": dataset.title,
        "data_sha256": {file["name"]: file["sha256"] for file in asdict(dataset.files).values()},
        "recipe": recipe,
        "opset": export.opset,
        "average_flips": export.average_flips,
        "git_commit": origin.git_commit,
        "git_dirty": origin.git_dirty,
        "training_run_id": origin.training_run_id,
    }
    return to_onnx(compact_network, export.opset, metadata)


def check_exports(
    float32_network: Network,
    train_images: UInt8Array,
    train_labels: UInt8Array,
    export: ExportParameters,
    **exported: Any,
) -> tuple[Any, ...]:
    """The same artifacts, once all agree with the network on training images, and how closely they do."""
    from mnist_resnet.export.parity_check import check_parity

    images = train_images[spread_sample(train_labels, _CHECKED_IMAGES, seed=0)]
    formats = {FORMATS[artifact].name: FORMATS[artifact].load(content) for artifact, content in exported.items()}
    return *(exported[artifact] for artifact in FORMATS), check_parity(float32_network, formats, images, export)


def make_variants(
    onnx: bytes,
    train_images: UInt8Array,
    train_labels: UInt8Array,
    validation_images: UInt8Array,
    validation_labels: UInt8Array,
    dataset: Dataset,
    export: ExportParameters,
    providers: list[str],
    cuda: Any,
    latency_batch_sizes: list[int],
    throughput_batch_sizes: list[int],
) -> tuple[dict[str, bytes], VariantChecks]:
    """The other ONNX files that are good enough, and what became of each variant."""
    from mnist_resnet.export.variants import VariantInputs, select_variants

    # Said to be CudaParameters, Kedro would make them again of what is typed already where the evaluation runs, too.
    settings = cuda if isinstance(cuda, CudaParameters) else CudaParameters(**cuda)
    validation = Validation(validation_images, validation_labels, providers, cuda=settings)
    material = VariantInputs(onnx, train_images, train_labels, validation, export.variants)
    files, checks = select_variants(material, sorted({*latency_batch_sizes, *throughput_batch_sizes}))
    for check in checks:
        logger.info("%s, variant %s %s", dataset.title, check.name, check.reason)
    return files, checks


def classify_test_images(
    float32_network: Network, test_images: UInt8Array, export: ExportParameters, **exported: Any
) -> Probabilities:
    """What Keras and each format but ONNX say of the test images: (1 + formats, images, classes)."""
    from mnist_resnet.export.reference import keras_probabilities

    size = max(export.parity_batch_sizes)
    answers = [FORMATS[artifact].load(content)(test_images, size) for artifact, content in exported.items()]
    return np.stack([keras_probabilities(float32_network, test_images, size), *answers])
