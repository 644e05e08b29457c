"""Wiring of the data stage."""

from kedro.pipeline import Node, Pipeline

from mnist_resnet.pipelines.data.nodes import (
    fetch_files,
    fix_preprocessing,
    plot_prepared_images,
    read_test_part,
    split,
)


def create_pipeline() -> Pipeline:
    """From the published files to split arrays and ``preprocessing``."""
    return Pipeline(
        [
            Node(
                fetch_files,
                ["name", "params:dataset", "raw_folder"],
                ["published_images", "published_labels", "published_test_images", "published_test_labels"],
                name="fetch_files",
            ),
            Node(
                split,
                ["published_images", "published_labels", "params:dataset", "params:data"],
                ["train_images", "train_labels", "validation_images", "validation_labels"],
                name="split",
            ),
            Node(
                read_test_part,
                ["published_test_images", "published_test_labels", "params:dataset"],
                ["test_images", "test_labels"],
                name="read_test_part",
            ),
            Node(
                fix_preprocessing, ["train_images", "params:preprocessing"], "preprocessing", name="fix_preprocessing"
            ),
            Node(
                plot_prepared_images,
                ["train_images", "train_labels", "preprocessing", "params:dataset", "params:data", "run"],
                "prepared_images",
                name="plot_prepared_images",
            ),
        ],
        tags="data",
    )
