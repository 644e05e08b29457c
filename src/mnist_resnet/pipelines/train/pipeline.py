"""The train pipeline."""

from kedro.pipeline import Node, Pipeline

from mnist_resnet.pipelines.inputs import inputs
from mnist_resnet.pipelines.train import nodes


def create_pipeline() -> Pipeline:
    """From split arrays to ``model``, ``layer_table`` and ``history``."""
    arrays = ["train_images", "train_labels", "validation_images", "validation_labels"]
    parameters = ["params:dataset", "params:model", "params:training"]
    return Pipeline(
        [
            Node(
                nodes.train_network,
                inputs(*arrays, "preprocessing", *parameters, "checkpoint_folder"),
                ["model", "layer_table", "epochs"],
                name="train",
            ),
            Node(nodes.record_history, ["epochs", "checkpoint_folder"], "history", name="record_history"),
            Node(nodes.record_origin, ["history", "run"], "origin", name="record_origin"),
            Node(
                nodes.plot_learning_curves,
                ["history", "params:dataset", "run"],
                "learning_curves",
                name="plot_learning_curves",
            ),
        ],
        tags="train",
    )
