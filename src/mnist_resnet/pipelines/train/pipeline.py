"""Wiring of the train stage."""

from kedro.pipeline import Node, Pipeline

from mnist_resnet.pipelines.train.nodes import plot_learning_curves, record_history, record_origin, train


def create_pipeline() -> Pipeline:
    """From split arrays to ``model``, ``layer_table`` and ``history``."""
    arrays = ["train_images", "train_labels", "validation_images", "validation_labels"]
    return Pipeline(
        [
            Node(
                train,
                [*arrays, "preprocessing", "params:dataset", "params:model", "params:training", "checkpoint_folder"],
                ["model", "layer_table", "epochs"],
                name="train",
            ),
            Node(record_history, ["epochs", "checkpoint_folder"], "history", name="record_history"),
            Node(record_origin, ["history", "run"], "origin", name="record_origin"),
            Node(
                plot_learning_curves,
                ["history", "params:dataset", "run"],
                "learning_curves",
                name="plot_learning_curves",
            ),
        ],
        tags="train",
    )
