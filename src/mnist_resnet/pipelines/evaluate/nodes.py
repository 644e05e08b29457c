"""The steps from exported files to their reports and their release."""

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from mnist_resnet.config import Dataset, EvaluationParameters
from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.evaluation import metrics, results
from mnist_resnet.evaluation.calibration import measure_calibration
from mnist_resnet.evaluation.robustness import Robustness, measure_robustness
from mnist_resnet.pipelines.annotations import Figure, Probabilities, Run
from mnist_resnet.pipelines.captions import caption
from mnist_resnet.reporting import plots
from mnist_resnet.storage.artifacts import sha256_of_bytes

_SHOWN_MISTAKES = 24


def judge(
    onnx_model: bytes,
    variants: dict[str, bytes],
    test_images: UInt8Array,
    test_labels: UInt8Array,
    dataset: Dataset,
    evaluation: EvaluationParameters,
) -> tuple[Probabilities, dict[str, Probabilities], dict[str, dict[str, Any]]]:
    """The probabilities of all test images by fp32 and by each other variant, and what is measured of each."""
    probabilities, measured = {}, {}
    smaller = {f"variants/{file}": content for file, content in variants.items()}
    for file, content in {"model.onnx": onnx_model, **smaller}.items():
        name = _variant(file)
        probabilities[name], measured[name] = _judge(file, content, test_images, test_labels, dataset, evaluation)
    return probabilities.pop("fp32"), probabilities, measured


def _variant(file: str) -> str:
    """``fp32`` for ``model.onnx``, ``int8`` for ``variants/model.int8.onnx``."""
    return file.removeprefix("variants/").removeprefix("model.").removesuffix("onnx").removesuffix(".") or "fp32"


def _judge(
    file: str,
    content: bytes,
    images: UInt8Array,
    labels: UInt8Array,
    dataset: Dataset,
    evaluation: EvaluationParameters,
) -> tuple[Probabilities, dict[str, Any]]:
    from mnist_resnet.evaluation.latency import measure_speed
    from mnist_resnet.evaluation.session import open_session

    session = open_session(content, evaluation.providers, evaluation.require_gpu, evaluation.cuda)
    probabilities = session.probabilities(images, evaluation.batch_size)
    measured = metrics.measure(probabilities, labels, dataset.class_names)
    calibration = measure_calibration(probabilities, labels)
    speed = measure_speed(session, images, evaluation.latency)
    digest = sha256_of_bytes(content)
    return probabilities, results.variant_results(file, digest, session, measured, calibration, speed)


def compare_forms(
    references: Probabilities, fp32: Probabilities, variants: Mapping[str, Probabilities]
) -> dict[str, Any]:
    """How closely Keras, SavedModel and all ONNX files agree on the test images."""
    from mnist_resnet.evaluation.agreement import agreement

    by_keras, by_savedmodel = references
    return agreement({"keras": by_keras, "savedmodel": by_savedmodel, "fp32": fp32, **variants})


def perturb(
    onnx_model: bytes, test_images: UInt8Array, test_labels: UInt8Array, evaluation: EvaluationParameters
) -> dict[str, Any]:
    """The accuracy on perturbed test images, for the report; it decides nothing."""
    from mnist_resnet.evaluation.session import open_session

    session = open_session(onnx_model, evaluation.providers, evaluation.require_gpu, evaluation.cuda)
    classify = partial(session.probabilities, batch_size=evaluation.batch_size)
    parameters = evaluation.robustness
    return asdict(measure_robustness(classify, test_images, test_labels, parameters.images, parameters.seed))


def collect(
    variants: dict[str, dict[str, Any]],
    parity: dict[str, float],
    variant_checks: list[dict[str, Any]],
    agreement: dict[str, Any],
    robustness: dict[str, Any],
    train_labels: UInt8Array,
    name: str,
    dataset: Dataset,
    recipe: str,
) -> tuple[dict[str, Any], dict[str, float]]:
    """The contents of ``evaluation.json``, and the few figures by which runs are compared."""
    perturbed = Robustness(**robustness)
    whole = results.evaluation_results(
        name, recipe, dataset, variants, parity, variant_checks, agreement, perturbed, train_labels
    )
    return whole, results.headline(variants, perturbed)


def plot_confusion_matrix(probabilities: Probabilities, test_labels: UInt8Array, dataset: Dataset, run: Run) -> Figure:
    """Which classes were taken for which."""
    counts = metrics.confusion(probabilities, test_labels, len(dataset.class_names))
    return plots.confusion_matrix(counts, dataset.class_names, caption(dataset, "confusion matrix", run))


def plot_mistakes(
    probabilities: Probabilities,
    test_images: UInt8Array,
    test_labels: UInt8Array,
    dataset: Dataset,
    run: Run,
) -> Figure:
    """The mistakes that the model was surest of."""
    worst = metrics.most_confident_mistakes(probabilities, test_labels, _SHOWN_MISTAKES)
    title = caption(dataset, "most confident mistakes", run)
    return plots.mistakes(test_images[worst], test_labels[worst], probabilities[worst], dataset.class_names, title)


def plot_reliability(probabilities: Probabilities, test_labels: UInt8Array, dataset: Dataset, run: Run) -> Figure:
    """How often the model is right at each confidence."""
    calibration = measure_calibration(probabilities, test_labels)
    return plots.reliability_diagram(calibration, caption(dataset, "reliability", run))


def plot_robustness(
    robustness: dict[str, Any],
    test_images: UInt8Array,
    dataset: Dataset,
    evaluation: EvaluationParameters,
    run: Run,
) -> Figure:
    """The accuracy on perturbed images, with the first image as an example."""
    title = caption(dataset, "perturbed images", run)
    return plots.robustness(Robustness(**robustness), test_images[0], evaluation.robustness.seed, title)


def write_report(
    evaluation: dict[str, Any],
    dataset: Dataset,
    history: list[dict[str, Any]],
    preprocessing: dict[str, Any],
    layer_table: list[dict[str, Any]],
) -> str:
    """The report for people."""
    from mnist_resnet.reporting.report import report

    return report(evaluation, dataset, history, preprocessing, layer_table)


def write_page(report: str, dataset: Dataset, recipe: str, **pictures: bytes) -> str:
    """The same report as one HTML page that holds its pictures."""
    from mnist_resnet.reporting.page import to_html

    return to_html(report, f"{dataset.title}, {recipe}", {f"{name}.png": content for name, content in pictures.items()})
