"""The data pipeline."""

from kedro.pipeline import Pipeline

from mnist_resnet.data.split import Split
from mnist_resnet.pipelines.data import nodes
from mnist_resnet.pipelines.wiring import node
from mnist_resnet.preprocessing import fit_preprocessing


def create_pipeline() -> Pipeline:
    """From the published files to split arrays and ``preprocessing``."""
    published = ["published_images", "published_labels", "published_test_images", "published_test_labels"]
    training, test = published[:2], published[2:]
    shown = ["train_images", "train_labels", "preprocessing", "params:dataset", "params:data", "params:run"]
    return Pipeline(
        [
            node(nodes.fetch_files, published, "params:name", "params:dataset", "params:raw_folder"),
            node(nodes.split_images, [*Split._fields], *training, "params:dataset", "params:data", name="split"),
            node(nodes.read_test_part, ["test_images", "test_labels"], *test, "params:dataset"),
            node(
                fit_preprocessing,
                "preprocessing",
                "train_images",
                name="fix_preprocessing",
                parameters="params:preprocessing",
            ),
            node(nodes.plot_prepared_images, "prepared_images", *shown),
        ],
        tags="data",
    )
