"""How much of a classifier's accuracy is left on perturbed images."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.evaluation.perturbations import PERTURBATIONS, Perturbation, perturb

Classify = Callable[[UInt8Array], npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Robustness:
    """Accuracies in 0 to 1 on the same images, perturbed and not.

    Attributes:
        images: How many.
        untouched: On the images as they are.
        perturbed: By the perturbation's name and its strength as text, from mild to strong.
    """

    images: int
    untouched: float
    perturbed: dict[str, dict[str, float]]

    @property
    def mean_perturbed(self) -> float:
        """The mean accuracy over all perturbations and strengths."""
        return float(np.mean([value for measured in self.perturbed.values() for value in measured.values()]))


def measure_robustness(classify: Classify, images: UInt8Array, labels: npt.NDArray[np.uint8], seed: int) -> Robustness:
    """Classify the images once as they are and once for each strength of each perturbation.

    Args:
        classify: From raw uint8 (images, height, width) to float32 (images, classes).
        images: uint8 (images, height, width).
        labels: uint8 (images,), which no perturbation changes.
        seed: Where all chance comes from, not negative.
    """
    from sklearn.metrics import accuracy_score

    def accuracy(shown: UInt8Array) -> float:
        return float(accuracy_score(labels, classify(shown).argmax(axis=1)))

    def by_strength(name: str, perturbation: Perturbation) -> dict[str, float]:
        return {f"{strength:g}": accuracy(perturb(images, name, strength, seed)) for strength in perturbation.strengths}

    perturbed = {name: by_strength(name, perturbation) for name, perturbation in PERTURBATIONS.items()}
    return Robustness(len(images), accuracy(images), perturbed)
