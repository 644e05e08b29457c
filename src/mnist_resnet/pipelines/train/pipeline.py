"""The train pipeline."""

from kedro.pipeline import Pipeline

from mnist_resnet.data.split import Split
from mnist_resnet.pipelines.train import nodes
from mnist_resnet.pipelines.wiring import node


def create_pipeline() -> Pipeline:
    """From split arrays to ``model``, ``layer_table``, ``training_device`` and ``history``."""
    parameters = ["params:dataset", "params:model", "params:training", "params:checkpoint_folder"]
    needed = [*Split._fields, "preprocessing", *parameters]
    made = ["model", "layer_table", "epochs", "training_device"]
    return Pipeline(
        [
            node(nodes.train_network, made, *needed, name="train"),
            node(nodes.record_history, "history", "epochs"),
            node(nodes.record_origin, "origin", "epochs", "params:run"),
            node(nodes.plot_learning_curves, "learning_curves", "history", "params:dataset", "params:run"),
        ],
        tags="train",
    )
