"""The data pipeline."""

from kedro.pipeline import Node, Pipeline

from mnist_resnet.pipelines.data import nodes
from mnist_resnet.pipelines.inputs import inputs


def create_pipeline() -> Pipeline:
    """From the published files to split arrays and ``preprocessing``."""
    return Pipeline(
        [
            Node(
                nodes.fetch_files,
                ["name", "params:dataset", "raw_folder"],
                ["published_images", "published_labels", "published_test_images", "published_test_labels"],
                name="fetch_files",
            ),
            Node(
                nodes.split_images,
                ["published_images", "published_labels", "params:dataset", "params:data"],
                ["train_images", "train_labels", "validation_images", "validation_labels"],
                name="split",
            ),
            Node(
                nodes.read_test_part,
                ["published_test_images", "published_test_labels", "params:dataset"],
                ["test_images", "test_labels"],
                name="read_test_part",
            ),
            Node(
                nodes.fix_preprocessing,
                ["train_images", "params:preprocessing"],
                "preprocessing",
                name="fix_preprocessing",
            ),
            Node(
                nodes.plot_prepared_images,
                inputs("train_images", "train_labels", "preprocessing", "params:dataset", "params:data", "run"),
                "prepared_images",
                name="plot_prepared_images",
            ),
        ],
        tags="data",
    )
