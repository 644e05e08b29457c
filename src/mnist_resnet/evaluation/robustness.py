"""The accuracy of a classifier on perturbed images."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.data.sample import spread_sample
from mnist_resnet.evaluation.metrics import accuracy_interval
from mnist_resnet.evaluation.paired import Correct
from mnist_resnet.evaluation.perturbations import PERTURBATIONS, Perturbation, perturb

ClassifyImages = Callable[[UInt8Array], npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Robustness:
    """Accuracies in 0 to 1 on the same images, perturbed and not, with 95 % confidence intervals as (low, high).

    Attributes:
        images: How many.
        untouched: On the images as they are.
        untouched_interval: Wilson's.
        perturbed: By the perturbation's name and its strength as text, from mild to strong.
        perturbed_intervals: Wilson's, by the same keys.
        mean_perturbed: The mean over all perturbations and strengths.
        mean_perturbed_interval: See ``summarize``.
    """

    images: int
    untouched: float
    untouched_interval: tuple[float, float]
    perturbed: dict[str, dict[str, float]]
    perturbed_intervals: dict[str, dict[str, tuple[float, float]]]
    mean_perturbed: float
    mean_perturbed_interval: tuple[float, float]

    @property
    def kept(self) -> float:
        """The share of the accuracy that is left on perturbed images, in 0 to 1; 0 where there was none to keep."""
        return min(self.mean_perturbed / self.untouched, 1.0) if self.untouched else 0.0


def measure_robustness(
    classify: ClassifyImages,
    images: UInt8Array,
    labels: UInt8Array,
    count: int,
    seed: int,
    untouched: Correct | None = None,
) -> Robustness:
    """Classify some images once as they are and once for each strength of each perturbation.

    Args:
        classify: From raw uint8 (images, height, width) to float32 (images, classes).
        images: uint8 (images, height, width), at least one; may be memory-mapped.
        labels: uint8 (images,), which no perturbation changes.
        count: How many of the images to use, drawn so that every class has its share of them; all if there are fewer.
        seed: Where all chance comes from, not negative.
        untouched: bool (images,), whether each image is classified correctly as it is, if that is known already.
    """
    drawn = spread_sample(labels, count, seed)
    shown, truth = images[drawn], labels[drawn]

    def correct(seen: UInt8Array) -> Correct:
        return np.asarray(classify(seen).argmax(axis=1) == truth)

    def by_strength(name: str, perturbation: Perturbation) -> dict[str, Correct]:
        return {f"{strength:g}": correct(perturb(shown, name, strength, seed)) for strength in perturbation.strengths}

    right = correct(shown) if untouched is None else untouched[drawn]
    return summarize(right, {name: by_strength(name, each) for name, each in PERTURBATIONS.items()})


def summarize(untouched: Correct, perturbed: Mapping[str, Mapping[str, Correct]]) -> Robustness:
    """Accuracies and their intervals from single answers.

    The answers to one image perturbed in several ways go together, so that many of them say less than as many images
    would. The interval of their mean is Wilson's for the number of images that say as much (Korn & Graubard 1998,
    "Confidence intervals for proportions with small expected number of positive counts estimated from survey data").

    Args:
        untouched: bool (images,), at least one: whether each image is classified correctly as it is.
        perturbed: The same of the perturbed images, by perturbation and strength; at least one.
    """
    answers = np.stack([correct for measured in perturbed.values() for correct in measured.values()])
    return Robustness(
        images=len(untouched),
        untouched=float(untouched.mean()),
        untouched_interval=_interval(untouched),
        perturbed={
            name: {strength: float(correct.mean()) for strength, correct in measured.items()}
            for name, measured in perturbed.items()
        },
        perturbed_intervals={
            name: {strength: _interval(correct) for strength, correct in measured.items()}
            for name, measured in perturbed.items()
        },
        mean_perturbed=float(answers.mean()),
        mean_perturbed_interval=_interval_of_mean(answers),
    )


def _interval(correct: Correct) -> tuple[float, float]:
    return accuracy_interval(int(correct.sum()), len(correct))


def _interval_of_mean(answers: Correct) -> tuple[float, float]:
    mean, images, variance = float(answers.mean()), answers.shape[1], float(answers.mean(axis=0).var())
    # Without any variance nothing is known of how far the answers to one image go together.
    as_many = min(images * mean * (1 - mean) / variance, answers.size) if variance else images
    return accuracy_interval(round(mean * as_many), round(as_many))
