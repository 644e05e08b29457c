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
from mnist_resnet.training.events import History, TrainingDevice
from mnist_resnet.training.network_spec import NetworkSpec


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
    split = Split(train_images, train_labels, validation_images, validation_labels)
    spec = NetworkSpec(model, preprocessing, dataset.image_size, len(dataset.class_names))
    train = _train_here if training.hosts == 1 else _train_on_hosts
    network, history, device = train(spec, split, training, dataset.title, checkpoint_folder)
    return network, tabulate_layers(network), history, device


def _train_here(
    spec: NetworkSpec, split: Split, training: TrainingParameters, title: str, checkpoint: Path
) -> tuple[Network, History, TrainingDevice]:
    from mnist_resnet.training.runtime import runtime

    with runtime(training) as device:
        network, history = spec.train(split, training, title, checkpoint)
    return network, history, device


def _train_on_hosts(
    spec: NetworkSpec, split: Split, training: TrainingParameters, title: str, checkpoint: Path
) -> tuple[Network, History, TrainingDevice]:
    """The network of this process with the weights that the hosts have found."""
    from mnist_resnet.training.hosts.driver import train_on_hosts
    from mnist_resnet.training.runtime import layers_in
    from mnist_resnet.training.trainee import compile_network

    trained = train_on_hosts(spec, split, training, title, checkpoint)
    with layers_in(trained.device.precision):
        network = spec.build()
    network.set_weights(trained.weights)
    compile_network(network)
    return network, trained.history, trained.device


def record_history(epochs: History) -> History:
    """The history, as it is stored; ``epochs`` is only there where a network has been trained."""
    return epochs


def record_origin(epochs: History, run: Run) -> Origin:
    """The commit and the MLflow run that the model comes from, for the files made of it later.

    It takes what only a training has: no run can name itself the origin of a model that was there before.
    """
    dirty = run["git_dirty"] == "true" if "git_dirty" in run else None
    return Origin(run.get("run_id"), run.get("git_commit"), len(epochs), dirty)


def plot_learning_curves(history: History, dataset: Dataset, run: Run) -> Figure:
    """Loss and accuracy over the epochs."""
    return plots.learning_curves(history, caption(dataset, "learning curves", run))
