"""Wiring of the evaluate stage."""

from kedro.pipeline import Node, Pipeline

from mnist_resnet.pipelines.evaluate.nodes import (
    collect,
    judge,
    plot_confusion_matrix,
    plot_mistakes,
    write_report,
)


def create_pipeline() -> Pipeline:
    """From ``onnx`` and the raw test images to ``evaluation``, ``report`` and pictures."""
    return Pipeline(
        [
            Node(
                judge,
                ["onnx", "test_images", "test_labels", "parity", "params:dataset", "params:evaluation"],
                ["test_probabilities", "fp32_results"],
                name="judge",
            ),
            Node(
                collect,
                ["fp32_results", "test_labels", "name", "params:dataset", "params:recipe"],
                ["evaluation", "metrics"],
                name="collect",
            ),
            Node(
                plot_confusion_matrix,
                ["test_probabilities", "test_labels", "params:dataset", "params:recipe"],
                "confusion_matrix",
                name="plot_confusion_matrix",
            ),
            Node(
                plot_mistakes,
                ["test_probabilities", "test_images", "test_labels", "params:dataset", "params:recipe"],
                "mistakes",
                name="plot_mistakes",
            ),
            Node(
                write_report,
                ["evaluation", "params:dataset", "history", "preprocessing", "architecture"],
                "report",
                name="write_report",
            ),
        ],
        tags="evaluate",
    )
