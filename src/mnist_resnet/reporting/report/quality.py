"""The report's sections on how good the model is."""

from mnist_resnet.evaluation.perturbations import PERTURBATIONS
from mnist_resnet.evaluation.results import Evaluation
from mnist_resnet.evaluation.robustness import Robustness
from mnist_resnet.reporting.report.markdown import figure, interval, plain, table


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


def robustness_table(robustness: Robustness) -> str:
    """Accuracy by perturbation and strength, from mild to strong, with 95 % intervals."""
    columns = max(map(len, robustness.perturbed.values()))
    rows = []
    for name, accuracies in robustness.perturbed.items():
        intervals = robustness.perturbed_intervals[name]
        cells = [f"{strength}: {value:.4f} ({interval(intervals[strength])})" for strength, value in accuracies.items()]
        rows.append([f"{name} ({PERTURBATIONS[name].unit})", *cells, *["–"] * (columns - len(cells))])
    return table(["perturbation", *(f"strength {number}" for number in range(1, columns + 1))], rows)


def perturbation_table(robustness: Robustness) -> str:
    """What each perturbation is, and what MNIST-C has in its place."""
    perturbations = {name: PERTURBATIONS[name] for name in robustness.perturbed}
    return table(
        ["perturbation", "each image is", "MNIST-C"],
        [[name, perturbation.change, perturbation.others] for name, perturbation in perturbations.items()],
    )
