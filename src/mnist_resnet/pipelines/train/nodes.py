"""The steps from split arrays to a trained model."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from mnist_resnet.config import Dataset, ModelParameters, TrainingParameters
from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.data.split import Split
from mnist_resnet.pipelines.annotations import Figure, Network, Run
from mnist_resnet.pipelines.captions import caption
from mnist_resnet.preprocessing import Preprocessing
from mnist_resnet.storage.artifacts import remove


def train(
    train_images: UInt8Array,
    train_labels: UInt8Array,
    validation_images: UInt8Array,
    validation_labels: UInt8Array,
    preprocessing: dict[str, Any],
    dataset: Dataset,
    model: ModelParameters,
    training: TrainingParameters,
    checkpoint_folder: Path,
) -> tuple[Network, list[dict[str, Any]], list[dict[str, Any]]]:
    """The trained network, its layers, and one history entry for each epoch."""
    from mnist_resnet.models.resnet import build_network
    from mnist_resnet.reporting.layer_table import tabulate_layers
    from mnist_resnet.training import fit
    from mnist_resnet.training.runtime import runtime

    split = Split(train_images, train_labels, validation_images, validation_labels)
    with runtime(training):
        network = build_network(model, Preprocessing(**preprocessing), dataset.image_size, len(dataset.class_names))
        history = fit.train(network, split, training, dataset.title, checkpoint_folder)
    return network, [asdict(row) for row in tabulate_layers(network)], [asdict(result) for result in history]


def record_history(epochs: list[dict[str, Any]], checkpoint_folder: Path) -> list[dict[str, Any]]:
    """The history; the model has been saved by now, so that nobody needs to go on from the checkpoint."""
    remove(checkpoint_folder)
    return epochs


def record_origin(history: list[dict[str, Any]], run: Run) -> dict[str, Any]:
    """Which commit and MLflow run the model comes from, for the files made of it later."""
    return {"training_run_id": run.get("run_id"), "git_commit": run.get("git_commit"), "epochs": len(history)}


def plot_learning_curves(history: list[dict[str, Any]], dataset: Dataset, run: Run) -> Figure:
    """Loss and accuracy over the epochs."""
    from mnist_resnet.reporting.plots import learning_curves

    return learning_curves(history, caption(dataset, "learning curves", run))
