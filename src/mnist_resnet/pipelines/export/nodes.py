"""The steps from a trained model to checked files."""

from dataclasses import asdict
from typing import Any

from mnist_resnet.config import Dataset, ExportParameters, ModelParameters
from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.pipelines.annotations import Network
from mnist_resnet.preprocessing import Preprocessing

_CHECKED_IMAGES = 256


def rebuild(
    trained: Network, preprocessing: dict[str, Any], dataset: Dataset, model: ModelParameters, export: ExportParameters
) -> Network:
    """The trained network in float32."""
    from mnist_resnet.export.rebuild import rebuild

    return rebuild(trained, model, Preprocessing(**preprocessing), dataset, export.average_flips)


def export_savedmodel(network: Network) -> dict[str, bytes]:
    """The files of a SavedModel, not yet checked."""
    from mnist_resnet.export.savedmodel import to_savedmodel

    return to_savedmodel(network)


def export_onnx(network: Network, dataset: Dataset, export: ExportParameters, recipe: str) -> bytes:
    """An ONNX file, not yet checked."""
    from mnist_resnet.export.onnx import to_onnx

    metadata = {"class_names": dataset.class_names, "dataset": dataset.title, "recipe": recipe}
    return to_onnx(network, export.opset, metadata)


def check_exports(
    network: Network,
    savedmodel: dict[str, bytes],
    onnx_model: bytes,
    train_images: UInt8Array,
    export: ExportParameters,
) -> tuple[dict[str, bytes], bytes, dict[str, float]]:
    """The same SavedModel and ONNX file, once they agree with the network, and how closely they do."""
    from mnist_resnet.export.check import check_exports

    parity = check_exports(network, savedmodel, onnx_model, train_images[:_CHECKED_IMAGES], export)
    return savedmodel, onnx_model, asdict(parity)
