"""The nodes from split arrays to a trained model."""

from pathlib import Path

from mnist_resnet.config import Dataset, ModelParameters, TrainingParameters
from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.data.split import Split
from mnist_resnet.pipelines.annotations import Figure, Network, Origin, Run
from mnist_resnet.pipelines.captions import caption
from mnist_resnet.preprocessing import Preprocessing
from mnist_resnet.reporting import plots
from mnist_resnet.reporting.layer_table import LayerTable, tabulate_layers
from mnist_resnet.storage.artifacts import remove
from mnist_resnet.training.events import History, TrainingDevice


def train_network(
    train_images: UInt8Array,
    train_labels: UInt8Array,
    validation_images: UInt8Array,
    validation_labels: UInt8Array,
    preprocessing: Preprocessing,
    dataset: Dataset,
    model: ModelParameters,
    training: TrainingParameters,
    checkpoint_folder: Path,
) -> tuple[Network, LayerTable, History, TrainingDevice]:
    """The trained network, its layers, one result for each epoch, and what that was computed on."""
    from mnist_resnet.models.resnet import build_network
    from mnist_resnet.training.fit import train
    from mnist_resnet.training.runtime import runtime

    split = Split(train_images, train_labels, validation_images, validation_labels)
    with runtime(training) as device:
        network = build_network(model, preprocessing, dataset.image_size, len(dataset.class_names))
        history = train(network, split, training, dataset.title, checkpoint_folder)
    return network, tabulate_layers(network), history, device


def record_history(epochs: History, checkpoint_folder: Path) -> History:
    """The history; the model has been saved by now, so that nobody needs to go on from the checkpoint."""
    remove(checkpoint_folder)
    return epochs


def record_origin(history: History, run: Run) -> Origin:
    """The commit and the MLflow run that the model comes from, for the files made of it later."""
    return Origin(run.get("run_id"), run.get("git_commit"), len(history))


def plot_learning_curves(history: History, dataset: Dataset, run: Run) -> Figure:
    """Loss and accuracy over the epochs."""
    return plots.learning_curves(history, caption(dataset, "learning curves", run))
