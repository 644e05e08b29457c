"""The evaluate pipeline."""

from kedro.pipeline import Pipeline

from mnist_resnet.pipelines.evaluate import nodes
from mnist_resnet.pipelines.evaluate.release import release
from mnist_resnet.pipelines.wiring import node
from mnist_resnet.reporting.report import to_markdown

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
    test, name, dataset, run = ["test_images", "test_labels"], "params:name", "params:dataset", "params:run"
    parameters, probabilities = "params:evaluation", ["test_probabilities", "variant_probabilities"]
    measured = ["file_results", "variant_checks", "agreement", "robustness"]
    described = ["train_labels", "test_labels", name, dataset, "params:recipe"]
    judged = ["onnx", "champion", "validation_images", "validation_labels", "metrics", name, dataset, parameters]
    answered = ["test_probabilities", "test_labels", dataset, run]
    reported = ["evaluation", dataset, "history", "training_device", "preprocessing"]
    return Pipeline(
        [
            node(
                nodes.evaluate_files,
                [*probabilities, "file_results"],
                *("onnx", "variants", "parity", *test, parameters),
            ),
            node(nodes.compare_forms, "agreement", "reference_probabilities", *probabilities),
            node(nodes.evaluate_robustness, "robustness", "onnx", *test, "test_probabilities", parameters),
            node(nodes.collect_results, ["evaluation", "metrics"], *measured, *described),
            node(nodes.plot_confusion_matrix, "confusion_matrix", *answered),
            node(nodes.plot_mistakes, "mistakes", "test_images", *answered),
            node(nodes.plot_reliability, "reliability_diagram", *answered),
            node(nodes.plot_robustness, "robustness_plot", "robustness", "test_images", dataset, parameters, run),
            node(to_markdown, "report", *reported, name="write_report", layers="layer_table"),
            node(nodes.write_page, "report_page", "report", dataset, "params:recipe", *_PICTURES),
            node(release, "release", *judged, parameters="params:release"),
        ],
        tags="evaluate",
    )
