"""The nodes from exported files to their reports."""

from collections.abc import Mapping
from functools import partial

import numpy as np

from mnist_resnet.config import Dataset, EvaluationParameters
from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.evaluation.agreement import Agreement, measure_agreement
from mnist_resnet.evaluation.calibration import measure_calibration
from mnist_resnet.evaluation.metrics import Probabilities, confusion, most_confident_mistakes
from mnist_resnet.evaluation.results import Evaluation, FileResult, evaluate_file
from mnist_resnet.evaluation.robustness import Robustness, measure_robustness
from mnist_resnet.evaluation.session import open_session
from mnist_resnet.evaluation.variant_check import VariantChecks, evaluated_by
from mnist_resnet.pipelines.annotations import Figure, Run
from mnist_resnet.pipelines.captions import caption
from mnist_resnet.pipelines.formats import OTHER_FORMATS
from mnist_resnet.reporting import plots
from mnist_resnet.reporting.page import to_html

_SHOWN_MISTAKES = 24


def evaluate_files(
    onnx: bytes,
    variants: dict[str, bytes],
    parity: dict[str, float],
    test_images: UInt8Array,
    test_labels: UInt8Array,
    evaluation: EvaluationParameters,
) -> tuple[Probabilities, dict[str, Probabilities], dict[str, FileResult]]:
    """The probabilities of all test images by fp32 and by each variant, and what is measured of each file."""
    evaluate = partial(evaluate_file, images=test_images, labels=test_labels)
    evaluated = {"fp32": evaluate("model.onnx", onnx, parameters=evaluation, parity=parity)}
    for file, content in variants.items():
        name = file.removeprefix("model.").removesuffix(".onnx")
        evaluated[name] = evaluate(f"variants/{file}", content, parameters=evaluated_by(name, evaluation))
    probabilities = {name: answers for name, (answers, _) in evaluated.items()}
    return probabilities.pop("fp32"), probabilities, {name: result for name, (_, result) in evaluated.items()}


def compare_forms(
    reference_probabilities: Probabilities,
    test_probabilities: Probabilities,
    variant_probabilities: Mapping[str, Probabilities],
) -> Agreement:
    """How closely Keras, all formats and all ONNX files agree on the test images."""
    names = ["keras", *(each.name for each in OTHER_FORMATS.values())]
    references = dict(zip(names, reference_probabilities, strict=True))
    return measure_agreement({**references, "fp32": test_probabilities, **variant_probabilities})


def evaluate_robustness(
    onnx: bytes,
    test_images: UInt8Array,
    test_labels: UInt8Array,
    test_probabilities: Probabilities,
    evaluation: EvaluationParameters,
) -> Robustness:
    """The accuracy on perturbed test images, for the report; it decides nothing."""
    session = open_session(onnx, evaluation.providers, evaluation.require_gpu, evaluation.cuda)
    classify = partial(session.probabilities, batch_size=evaluation.batch_size)
    parameters, correct = evaluation.robustness, test_probabilities.argmax(axis=1) == test_labels
    return measure_robustness(classify, test_images, test_labels, parameters.images, parameters.seed, correct)


def collect_results(
    file_results: dict[str, FileResult],
    variant_checks: VariantChecks,
    agreement: Agreement,
    robustness: Robustness,
    train_labels: UInt8Array,
    test_labels: UInt8Array,
    name: str,
    dataset: Dataset,
    recipe: str,
) -> tuple[Evaluation, dict[str, float]]:
    """All results together, and the few figures by which runs are compared."""
    evaluation = Evaluation(
        dataset=name,
        recipe=recipe,
        images=len(test_labels),
        class_names=dataset.class_names,
        training_images=tuple(np.bincount(train_labels, minlength=len(dataset.class_names)).tolist()),
        variants=file_results,
        variant_checks=variant_checks,
        agreement=agreement,
        robustness=robustness,
    )
    return evaluation, evaluation.headline()


def plot_confusion_matrix(
    test_probabilities: Probabilities, test_labels: UInt8Array, dataset: Dataset, run: Run
) -> Figure:
    """How often each class was taken for each other."""
    title = caption(dataset, "confusion matrix", run)
    return plots.confusion_matrix(confusion(test_probabilities, test_labels), dataset.class_names, title)


def plot_mistakes(
    test_probabilities: Probabilities, test_images: UInt8Array, test_labels: UInt8Array, dataset: Dataset, run: Run
) -> Figure:
    """The mistakes that the model was surest of."""
    worst = most_confident_mistakes(test_probabilities, test_labels, _SHOWN_MISTAKES)
    title = caption(dataset, "most confident mistakes", run)
    shown = test_images[worst], test_labels[worst], test_probabilities[worst]
    return plots.mistakes(*shown, dataset.class_names, title)


def plot_reliability(test_probabilities: Probabilities, test_labels: UInt8Array, dataset: Dataset, run: Run) -> Figure:
    """The accuracy of the model at each confidence."""
    calibration = measure_calibration(test_probabilities, test_labels)
    return plots.reliability_diagram(calibration, caption(dataset, "reliability", run))


def plot_robustness(
    robustness: Robustness, test_images: UInt8Array, dataset: Dataset, evaluation: EvaluationParameters, run: Run
) -> Figure:
    """The accuracy on perturbed images, with the first image as an example."""
    title = caption(dataset, "perturbed images", run)
    return plots.robustness(robustness, test_images[0], evaluation.robustness.seed, title)


def write_page(report: str, dataset: Dataset, recipe: str, **pictures: bytes) -> str:
    """The same report as one HTML page that holds its pictures."""
    return to_html(report, f"{dataset.title}, {recipe}", {f"{name}.png": content for name, content in pictures.items()})
