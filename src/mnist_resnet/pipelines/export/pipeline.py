"""Wiring of the export stage."""

from kedro.pipeline import Node, Pipeline

from mnist_resnet.pipelines.export.nodes import (
    check_exports,
    classify_test_images,
    export_onnx,
    export_savedmodel,
    make_variants,
    rebuild,
)


def create_pipeline() -> Pipeline:
    """From ``model`` to ``saved_model``, ``onnx`` and ``variants``, which exist only once they have been checked."""
    validation = ["validation_images", "validation_labels"]
    candidates = ["saved_model_candidate", "onnx_candidate"]
    return Pipeline(
        [
            Node(
                rebuild,
                ["model", "preprocessing", "params:dataset", "params:model", "params:export"],
                ["float32_network", "compact_network"],
                name="rebuild",
            ),
            Node(export_savedmodel, "compact_network", "saved_model_candidate", name="export_savedmodel"),
            Node(
                export_onnx,
                ["compact_network", "params:dataset", "params:export", "params:recipe", "origin"],
                "onnx_candidate",
                name="export_onnx",
            ),
            Node(
                check_exports,
                ["float32_network", *candidates, "train_images", "train_labels", "params:export"],
                ["saved_model", "onnx", "parity"],
                name="check_exports",
            ),
            Node(
                make_variants,
                [
                    *("onnx", "train_images", "train_labels", *validation, "params:dataset", "params:export"),
                    *("params:evaluation.providers", "params:evaluation.latency.throughput_batch_sizes"),
                ],
                ["variants", "variant_checks"],
                name="make_variants",
            ),
            Node(
                classify_test_images,
                ["float32_network", "saved_model", "test_images", "params:export"],
                "reference_probabilities",
                name="classify_test_images",
            ),
        ],
        tags="export",
    )
