"""The export pipeline."""

from kedro.pipeline import Node, Pipeline

from mnist_resnet.pipelines.export import nodes
from mnist_resnet.pipelines.formats import FORMATS, OTHER_FORMATS
from mnist_resnet.pipelines.inputs import inputs


def create_pipeline() -> Pipeline:
    """From ``model`` to ``saved_model``, ``onnx`` and ``variants``, which exist only once they have been checked."""
    arrays = ["train_images", "train_labels", "validation_images", "validation_labels"]
    candidates = {artifact: f"{artifact}_candidate" for artifact in FORMATS}
    return Pipeline(
        [
            Node(
                nodes.rebuild_networks,
                inputs("model", "preprocessing", "params:dataset", "params:export", parameters="params:model"),
                ["float32_network", "compact_network"],
                name="rebuild_networks",
            ),
            Node(nodes.export_savedmodel, "compact_network", "saved_model_candidate", name="export_savedmodel"),
            Node(
                nodes.export_onnx,
                inputs("compact_network", "params:dataset", "params:export", "params:recipe", "origin"),
                "onnx_candidate",
                name="export_onnx",
            ),
            Node(
                nodes.check_exports,
                inputs("float32_network", "train_images", "train_labels", "params:export", **candidates),
                [*FORMATS, "parity"],
                name="check_exports",
            ),
            Node(
                nodes.make_variants,
                inputs(
                    *("onnx", *arrays, "params:dataset", "params:export"),
                    providers="params:evaluation.providers",
                    batch_sizes="params:evaluation.latency.throughput_batch_sizes",
                ),
                ["variants", "variant_checks"],
                name="make_variants",
            ),
            Node(
                nodes.classify_test_images,
                inputs("float32_network", "test_images", "params:export", *OTHER_FORMATS),
                "reference_probabilities",
                name="classify_test_images",
            ),
        ],
        tags="export",
    )
