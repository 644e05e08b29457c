"""The evaluate pipeline."""

from kedro.pipeline import Node, Pipeline

from mnist_resnet.pipelines.evaluate import nodes
from mnist_resnet.pipelines.evaluate.release import release
from mnist_resnet.pipelines.inputs import inputs

_PICTURES = (
    "prepared_images",
    "learning_curves",
    "confusion_matrix",
    "mistakes",
    "reliability_diagram",
    "robustness_plot",
)


def create_pipeline() -> Pipeline:
    """From the exported files and the raw test images to ``evaluation``, reports, pictures and ``release``."""
    return Pipeline([*_measuring(), *_drawing(), *_reporting()], tags="evaluate")


def _measuring() -> list[Node]:
    measured = ["file_results", "variant_checks", "agreement", "robustness"]
    return [
        Node(
            nodes.evaluate_files,
            inputs("onnx", "variants", "parity", "test_images", "test_labels", "params:evaluation"),
            ["test_probabilities", "variant_probabilities", "file_results"],
            name="evaluate_files",
        ),
        Node(
            nodes.compare_forms,
            ["reference_probabilities", "test_probabilities", "variant_probabilities"],
            "agreement",
            name="compare_forms",
        ),
        Node(
            nodes.evaluate_robustness,
            ["onnx", "test_images", "test_labels", "params:evaluation"],
            "robustness",
            name="evaluate_robustness",
        ),
        Node(
            nodes.collect_results,
            inputs(*measured, "train_labels", "test_labels", "name", "params:dataset", "params:recipe"),
            ["evaluation", "metrics"],
            name="collect_results",
        ),
    ]


def _drawing() -> list[Node]:
    return [
        Node(
            nodes.plot_confusion_matrix,
            ["test_probabilities", "test_labels", "params:dataset", "run"],
            "confusion_matrix",
            name="plot_confusion_matrix",
        ),
        Node(
            nodes.plot_mistakes,
            inputs("test_probabilities", "test_images", "test_labels", "params:dataset", "run"),
            "mistakes",
            name="plot_mistakes",
        ),
        Node(
            nodes.plot_reliability,
            ["test_probabilities", "test_labels", "params:dataset", "run"],
            "reliability_diagram",
            name="plot_reliability",
        ),
        Node(
            nodes.plot_robustness,
            inputs("robustness", "test_images", "params:dataset", "params:evaluation", "run"),
            "robustness_plot",
            name="plot_robustness",
        ),
    ]


def _reporting() -> list[Node]:
    judged = ["onnx", "champion", "validation_images", "validation_labels"]
    return [
        Node(
            nodes.write_report,
            inputs("evaluation", "params:dataset", "history", "preprocessing", "layer_table"),
            "report",
            name="write_report",
        ),
        Node(
            nodes.write_page,
            inputs("report", "params:dataset", "params:recipe", *_PICTURES),
            "report_page",
            name="write_page",
        ),
        Node(
            release,
            [*judged, "metrics", "name", "params:dataset", "params:evaluation", "params:release"],
            "release",
            name="release",
        ),
    ]
