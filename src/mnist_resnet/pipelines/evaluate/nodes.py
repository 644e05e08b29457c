"""The steps from an ONNX file to its reports."""

from typing import Any

from mnist_resnet.artifacts import sha256_of_bytes
from mnist_resnet.config import Dataset, EvaluationParameters
from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.evaluation import metrics, plots, report
from mnist_resnet.pipelines.annotations import Figure, Probabilities

_SHOWN_MISTAKES = 24


def judge(
    onnx_model: bytes,
    test_images: UInt8Array,
    test_labels: UInt8Array,
    parity: dict[str, float],
    dataset: Dataset,
    evaluation: EvaluationParameters,
) -> tuple[Probabilities, dict[str, Any]]:
    """The probabilities of all test images, and what ``evaluation.json`` says of the file."""
    from mnist_resnet.evaluation.latency import measure_speed
    from mnist_resnet.evaluation.session import open_session

    session = open_session(onnx_model, evaluation.providers, evaluation.require_gpu)
    probabilities = session.probabilities(test_images, evaluation.batch_size)
    measured = metrics.measure(probabilities, test_labels, dataset.class_names)
    speed = measure_speed(session, test_images, evaluation.latency)
    digest = sha256_of_bytes(onnx_model)
    return probabilities, report.variant_results("model.onnx", digest, session, measured, parity, speed)


def collect(
    fp32: dict[str, Any], test_labels: UInt8Array, name: str, dataset: Dataset, recipe: str
) -> tuple[dict[str, Any], dict[str, float]]:
    """The contents of ``evaluation.json``, and the few figures by which runs are compared."""
    headline = {"test_accuracy": fp32["accuracy"], "test_loss": fp32["loss"]}
    headline |= {f"{name}_batch_1_ms": value for name, value in fp32["latency_ms"].get("1", {}).items()}
    for size, speed in fp32["throughput_images_per_s"].items():
        headline[f"images_per_s_batch_{size}"] = speed
    return report.evaluation_results(name, recipe, dataset, len(test_labels), {"fp32": fp32}), headline


def plot_confusion_matrix(
    probabilities: Probabilities, test_labels: UInt8Array, dataset: Dataset, recipe: str
) -> Figure:
    """Which classes were taken for which."""
    counts = metrics.confusion(probabilities, test_labels, len(dataset.class_names))
    return plots.confusion_matrix(counts, dataset.class_names, f"{dataset.title}, confusion matrix ({recipe})")


def plot_mistakes(
    probabilities: Probabilities, test_images: UInt8Array, test_labels: UInt8Array, dataset: Dataset, recipe: str
) -> Figure:
    """The mistakes that the model was surest of."""
    worst = metrics.most_confident_mistakes(probabilities, test_labels, _SHOWN_MISTAKES)
    title = f"{dataset.title}, most confident mistakes ({recipe})"
    return plots.mistakes(test_images[worst], test_labels[worst], probabilities[worst], dataset.class_names, title)


def write_report(
    evaluation: dict[str, Any],
    dataset: Dataset,
    history: list[dict[str, Any]],
    preprocessing: dict[str, Any],
    architecture: list[dict[str, Any]],
) -> str:
    """The report for people."""
    return report.report(evaluation, dataset, history, preprocessing, architecture)
