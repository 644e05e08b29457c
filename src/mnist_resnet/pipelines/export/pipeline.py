"""Wiring of the export stage."""

from kedro.pipeline import Node, Pipeline

from mnist_resnet.pipelines.export.nodes import (
    check_exports,
    export_onnx,
    export_savedmodel,
    rebuild,
)


def create_pipeline() -> Pipeline:
    """From ``model`` to ``saved_model`` and ``onnx``, which exist only once they have been checked."""
    candidates = ["saved_model_candidate", "onnx_candidate"]
    return Pipeline(
        [
            Node(
                rebuild,
                ["model", "preprocessing", "params:dataset", "params:model", "params:export"],
                "float32_network",
                name="rebuild",
            ),
            Node(export_savedmodel, "float32_network", "saved_model_candidate", name="export_savedmodel"),
            Node(
                export_onnx,
                ["float32_network", "params:dataset", "params:export", "params:recipe"],
                "onnx_candidate",
                name="export_onnx",
            ),
            Node(
                check_exports,
                ["float32_network", *candidates, "train_images", "params:export"],
                ["saved_model", "onnx", "parity"],
                name="check_exports",
            ),
        ],
        tags="export",
    )
