"""What the report says of how good the model is."""

from collections.abc import Sequence
from typing import Any

from mnist_resnet.config import Dataset
from mnist_resnet.evaluation.perturbations import PERTURBATIONS
from mnist_resnet.reporting.report.table import figure, plain, table


def headline_sentence(evaluation: dict[str, Any]) -> str:
    """Test accuracy with its interval, loss, and by what they were measured."""
    fp32 = evaluation["variants"]["fp32"]
    low, high = fp32["accuracy_interval"]
    return (
        f"Test accuracy **{fp32['accuracy']:.4f}** (95 % interval {low:.4f} to {high:.4f}, loss {fp32['loss']:.4f}) on "
        f"{evaluation['images']:,} images, measured on `{fp32['file']}` by onnxruntime's {fp32['provider']}."
    )


def class_table(evaluation: dict[str, Any]) -> str:
    """Precision, recall and F1 of each class, and of which classes there are no images to know them by."""
    names, trained_on = evaluation["class_names"], evaluation["training_images"]
    per_class = evaluation["variants"]["fp32"]["per_class"].values()
    tested_on = [entry["support"] for entry in per_class]
    rows = [
        [plain(name), *(figure(entry[key]) for key in ("precision", "recall", "f1")), str(entry["support"])]
        for name, entry in zip(names, per_class, strict=True)
    ]
    told = [
        f"Without {kind} images, {consequence}: {', '.join(plain(name) for name in lacking)}."
        for kind, counts, consequence in (
            ("training", trained_on, "so that the model cannot know them"),
            ("test", tested_on, "so that nothing is known of how well they are told apart"),
        )
        if (lacking := [name for name, count in zip(names, counts, strict=True) if not count])
    ]
    return "\n\n".join([table(["class", "precision", "recall", "F1", "images"], rows), *told])


def calibration_sentence(fp32: dict[str, Any]) -> str:
    """The expected calibration error, in words."""
    error = fp32["expected_calibration_error"]
    return (
        f"Confidence and accuracy differ by {100 * error:.2f} points on average (expected calibration error "
        f"{error:.4f}, 15 bins)."
    )


def robustness_sentence(robustness: dict[str, Any]) -> str:
    """On what images, and how accurate the model is on them as they are and perturbed."""
    untouched, mean = (
        f"{robustness[key]:.4f} (95 % interval {_range(robustness[f'{key}_interval'])})"
        for key in ("untouched", "mean_perturbed")
    )
    return (
        f"{robustness['images']:,} test images, drawn so that every class has its share, perturbed in several ways. As "
        f"they are, {untouched} of them are classified correctly; perturbed, {mean} as a mean over all ways and "
        f"strengths. These figures decide nothing: who becomes champion is decided by perturbed validation images."
    )


def robustness_table(robustness: dict[str, Any]) -> str:
    """Accuracy by perturbation, from mild to strong, with 95 % intervals."""
    intervals = robustness["perturbed_intervals"]
    rows = [
        [
            f"{name} ({PERTURBATIONS[name].unit})",
            *(f"{strength}: {value:.4f} ({_range(intervals[name][strength])})" for strength, value in measured.items()),
        ]
        for name, measured in robustness["perturbed"].items()
    ]
    return table(["perturbation", "mild", "medium", "strong"], rows)


def _range(interval: Sequence[float]) -> str:
    low, high = interval
    return f"{low:.4f} to {high:.4f}"


def perturbation_sentence() -> str:
    """What the figures can be compared with."""
    return (
        "What is done to an image, beside what the 15 corruptions of MNIST-C (Mu & Gilmer 2019) do at the strengths "
        "that its code has by default. The two differ, so do not compare figures of one with figures of the other."
    )


def perturbation_table(robustness: dict[str, Any]) -> str:
    """What each perturbation is, and what MNIST-C has in its place."""
    perturbations = {name: PERTURBATIONS[name] for name in robustness["perturbed"]}
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
