"""The report's sections on how good the model is."""

from mnist_resnet.config import Dataset
from mnist_resnet.evaluation.calibration import BINS
from mnist_resnet.evaluation.perturbations import PERTURBATIONS
from mnist_resnet.evaluation.results import Evaluation, FileResult
from mnist_resnet.evaluation.robustness import Robustness
from mnist_resnet.reporting.report.markdown import figure, interval, plain, table


def headline_sentence(evaluation: Evaluation) -> str:
    """Test accuracy with its interval, loss, and by what they were measured."""
    fp32 = evaluation.fp32
    return (
        f"Test accuracy **{fp32.accuracy:.4f}** (95 % interval {interval(fp32.accuracy_interval)}, loss "
        f"{fp32.loss:.4f}) on {evaluation.images:,} images, measured on `{fp32.file}` by onnxruntime's {fp32.provider}."
    )


def class_table(evaluation: Evaluation) -> str:
    """Precision, recall and F1 of each class, and the classes that have no images to know them by."""
    names, per_class = evaluation.class_names, evaluation.fp32.per_class.values()
    tested_on = [entry.support for entry in per_class]
    rows = [
        [plain(name), figure(entry.precision), figure(entry.recall), figure(entry.f1), str(entry.support)]
        for name, entry in zip(names, per_class, strict=True)
    ]
    told = [
        f"Without {kind} images, {consequence}: {', '.join(plain(name) for name in lacking)}."
        for kind, counts, consequence in (
            ("training", evaluation.training_images, "so the model cannot recognize them"),
            ("test", tested_on, "so their accuracy is unknown"),
        )
        if (lacking := [name for name, count in zip(names, counts, strict=True) if not count])
    ]
    return "\n\n".join([table(["class", "precision", "recall", "F1", "images"], rows), *told])


def calibration_sentence(fp32: FileResult) -> str:
    """The expected calibration error, in words."""
    error = fp32.expected_calibration_error
    return (
        f"Confidence and accuracy differ by {100 * error:.2f} points on average (expected calibration error "
        f"{error:.4f}, {BINS} bins)."
    )


def robustness_sentence(robustness: Robustness) -> str:
    """The accuracy on the images as they are, and as a mean on perturbed ones."""
    return (
        f"{robustness.images:,} test images, drawn so that every class has its share, perturbed in several ways. As "
        f"they are, {robustness.untouched:.4f} (95 % interval {interval(robustness.untouched_interval)}) of them are "
        f"classified correctly; perturbed, {robustness.mean_perturbed:.4f} (95 % interval "
        f"{interval(robustness.mean_perturbed_interval)}) as a mean over all ways and strengths. These figures decide "
        f"nothing: the champion is chosen on perturbed validation images."
    )


def robustness_table(robustness: Robustness) -> str:
    """Accuracy by perturbation and strength, from mild to strong, with 95 % intervals."""
    columns = max(map(len, robustness.perturbed.values()))
    rows = []
    for name, accuracies in robustness.perturbed.items():
        intervals = robustness.perturbed_intervals[name]
        cells = [f"{strength}: {value:.4f} ({interval(intervals[strength])})" for strength, value in accuracies.items()]
        rows.append([f"{name} ({PERTURBATIONS[name].unit})", *cells, *["–"] * (columns - len(cells))])
    return table(["perturbation", *(f"strength {number}" for number in range(1, columns + 1))], rows)


def perturbation_sentence() -> str:
    """What the figures can be compared with."""
    return (
        "What is done to an image, beside what the 15 corruptions of MNIST-C (Mu & Gilmer 2019) do at the strengths "
        "that its code has by default. The two differ, so do not compare figures of one with figures of the other."
    )


def perturbation_table(robustness: Robustness) -> str:
    """What each perturbation is, and what MNIST-C has in its place."""
    perturbations = {name: PERTURBATIONS[name] for name in robustness.perturbed}
    return table(
        ["perturbation", "each image is", "MNIST-C"],
        [[name, perturbation.change, perturbation.others] for name, perturbation in perturbations.items()],
    )


def limits(dataset: Dataset) -> str:
    """What the figures do not say."""
    height, width = dataset.image_size
    return (
        f"The figures hold for images like those of {plain(dataset.title)}: grey, {height}×{width} pixels, prepared as "
        f"its publishers did. The model has no class for anything else and will give one of its "
        f"{len(dataset.class_names)} names to any image. Intervals count the chance of drawing the test images, not "
        f"that of training again."
    )
