"""The calibration of a classifier: its confidence beside its accuracy."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_resnet.evaluation.metrics import accuracy_interval

BINS = 15


@dataclass(frozen=True)
class Bin:
    """The images whose confidence lies above ``lower`` and not above ``upper``.

    Attributes:
        lower: Where the bin begins, in 0 to 1.
        upper: Where it ends.
        images: How many they are, at least one.
        confidence: Their mean confidence.
        accuracy: Share of them that were right.
        accuracy_interval: The 95 % confidence interval of ``accuracy``.
    """

    lower: float
    upper: float
    images: int
    confidence: float
    accuracy: float
    accuracy_interval: tuple[float, float]


@dataclass(frozen=True)
class Calibration:
    """How confidence and accuracy go together.

    Attributes:
        expected_calibration_error: Their mean absolute difference over all images, in 0 to 1; 0 is perfect.
        bins: The bins that have images, by rising confidence.
    """

    expected_calibration_error: float
    bins: tuple[Bin, ...]


def measure_calibration(probabilities: npt.NDArray[np.float32], labels: npt.NDArray[np.uint8]) -> Calibration:
    """Compare the confidence of the most probable class with how often that class is the true one.

    Fifteen bins of equal width, as in Guo et al. 2017, "On Calibration of Modern Neural Networks".

    Args:
        probabilities: float32 (images, classes).
        labels: uint8 (images,).
    """
    from sklearn.calibration import calibration_curve

    correct = (probabilities.argmax(axis=1) == labels).astype(np.int64)
    # Rounding may lift a probability above one, which is refused below.
    confidence = np.clip(probabilities.max(axis=1).astype(np.float64), 0, 1)
    accuracies, confidences = calibration_curve(correct, confidence, n_bins=BINS, strategy="uniform")
    edges = np.linspace(0, 1, BINS + 1)
    # numpy.histogram counts a value on an edge in the upper bin, Guo et al. and scikit-learn in the lower one.
    counts = np.bincount(np.searchsorted(edges[1:-1], confidence), minlength=BINS)
    filled = np.flatnonzero(counts)
    bins = tuple(
        _bin(edges[place], edges[place + 1], counts[place], mean, accuracy)
        for place, mean, accuracy in zip(filled, confidences, accuracies, strict=True)
    )
    error = np.average(np.abs(accuracies - confidences), weights=counts[filled])
    return Calibration(float(error), bins)


def _bin(lower: float, upper: float, images: int, confidence: float, accuracy: float) -> Bin:
    interval = accuracy_interval(round(accuracy * images), int(images))
    return Bin(float(lower), float(upper), int(images), float(confidence), float(accuracy), interval)
