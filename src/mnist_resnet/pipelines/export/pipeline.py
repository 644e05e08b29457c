"""The export pipeline."""

from kedro.pipeline import Node, Pipeline

from mnist_resnet.pipelines.export import nodes
from mnist_resnet.pipelines.formats import FORMATS, OTHER_FORMATS


def create_pipeline() -> Pipeline:
    """From ``model`` to ``saved_model``, ``onnx`` and ``variants``, which exist only once they have been checked."""
    return Pipeline(
        [
            Node(
                nodes.rebuild_networks,
                {
                    "trained": "model",
                    "preprocessing": "preprocessing",
                    "dataset": "params:dataset",
                    "model": "params:model",
                    "export": "params:export",
                },
                ["float32_network", "compact_network"],
                name="rebuild_networks",
            ),
            Node(nodes.export_savedmodel, "compact_network", "saved_model_candidate", name="export_savedmodel"),
            Node(
                nodes.export_onnx,
                {
                    "compact": "compact_network",
                    "dataset": "params:dataset",
                    "export": "params:export",
                    "recipe": "params:recipe",
                    "origin": "origin",
                },
                "onnx_candidate",
                name="export_onnx",
            ),
            Node(
                nodes.check_exports,
                {
                    "network": "float32_network",
                    "train_images": "train_images",
                    "train_labels": "train_labels",
                    "export": "params:export",
                    **{artifact: f"{artifact}_candidate" for artifact in FORMATS},
                },
                [*FORMATS, "parity"],
                name="check_exports",
            ),
            Node(
                nodes.make_variants,
                {
                    "onnx_model": "onnx",
                    "train_images": "train_images",
                    "train_labels": "train_labels",
                    "validation_images": "validation_images",
                    "validation_labels": "validation_labels",
                    "dataset": "params:dataset",
                    "export": "params:export",
                    "providers": "params:evaluation.providers",
                    "batch_sizes": "params:evaluation.latency.throughput_batch_sizes",
                },
                ["variants", "variant_checks"],
                name="make_variants",
            ),
            Node(
                nodes.classify_test_images,
                {
                    "network": "float32_network",
                    "test_images": "test_images",
                    "export": "params:export",
                    **{artifact: artifact for artifact in OTHER_FORMATS},
                },
                "reference_probabilities",
                name="classify_test_images",
            ),
        ],
        tags="export",
    )
