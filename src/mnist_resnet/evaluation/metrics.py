"""Metrics of a classifier's probabilities, given the true labels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_resnet.data.idx import UInt8Array

Probabilities = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ClassMetrics:
    """One class: precision, recall and F1 in 0 to 1, and how many images truly belong to it.

    None stands where there is nothing to measure by: all three of a class without images, and the precision of one that
    no image was taken for.
    """

    precision: float | None
    recall: float | None
    f1: float | None
    support: int


@dataclass(frozen=True)
class Metrics:
    """All classes together and each by itself.

    Attributes:
        accuracy: Share of them that were right, in 0 to 1.
        accuracy_interval: The 95 % confidence interval of ``accuracy``; see ``accuracy_interval``.
        loss: Cross-entropy in nats.
        per_class: Each class by its number, as text.
    """

    accuracy: float
    accuracy_interval: tuple[float, float]
    loss: float
    per_class: dict[str, ClassMetrics]


def measure(probabilities: Probabilities, labels: UInt8Array) -> Metrics:
    """Compare probabilities with true labels.

    Args:
        probabilities: float32 (images, classes).
        labels: uint8 (images,).
    """
    from sklearn.metrics import accuracy_score, log_loss, precision_recall_fscore_support

    classes, predicted = range(probabilities.shape[1]), probabilities.argmax(axis=1)
    normalized = probabilities / probabilities.sum(axis=1, keepdims=True, dtype=np.float64)
    per_class = precision_recall_fscore_support(labels, predicted, labels=classes, zero_division=np.nan)
    return Metrics(
        accuracy=float(accuracy_score(labels, predicted)),
        accuracy_interval=accuracy_interval(int((predicted == labels).sum()), len(labels)),
        loss=float(log_loss(labels, normalized, labels=classes)),
        per_class={
            str(label): _class_metrics(figures, int(support))
            for label, *figures, support in zip(classes, *per_class, strict=True)
        },
    )


def _class_metrics(figures: Sequence[float], support: int) -> ClassMetrics:
    precision, recall, f1 = (float(figure) if support and not np.isnan(figure) else None for figure in figures)
    return ClassMetrics(precision, recall, f1, support)


def accuracy_interval(correct: int, images: int) -> tuple[float, float]:
    """The 95 % confidence interval of an accuracy, by Wilson's score method.

    It says how far chance in the choice of the images alone may have moved the accuracy
    (Wilson 1927, "Probable inference, the law of succession, and statistical inference").

    Args:
        correct: How many images were right.
        images: How many were classified, at least one.

    Returns:
        The lower and the upper end, in 0 to 1.
    """
    from scipy.stats import binomtest

    low, high = binomtest(correct, images).proportion_ci(confidence_level=0.95, method="wilson")
    return float(low), float(high)


def confusion(probabilities: Probabilities, labels: UInt8Array) -> npt.NDArray[np.int64]:
    """How often each true class (row) was taken for each class (column): (classes, classes)."""
    from sklearn.metrics import confusion_matrix

    return np.asarray(confusion_matrix(labels, probabilities.argmax(axis=1), labels=range(probabilities.shape[1])))


def most_confident_mistakes(probabilities: Probabilities, labels: UInt8Array, count: int) -> npt.NDArray[np.int64]:
    """The indices of up to ``count`` wrong predictions, the most confident first."""
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    order = np.argsort(-probabilities[wrong].max(axis=1), kind="stable")
    return wrong[order][:count]
