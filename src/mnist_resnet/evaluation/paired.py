"""Paired comparison of two classifiers on the same images."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Correct = npt.NDArray[np.bool_]

_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Paired:
    """How two classifiers differ on the same images.

    Attributes:
        images: How many both classified.
        gained: How many of them only the second classified correctly.
        lost: How many of them only the first classified correctly.
    """

    images: int
    gained: int
    lost: int

    @property
    def gain(self) -> float:
        """The second's accuracy minus the first's, in -1 to 1."""
        return (self.gained - self.lost) / self.images

    def chance_of_gain(self) -> float:
        """The probability of so many gains among the images that differ if neither classifier is better, in 0 to 1.

        The exact one-sided form of McNemar's test (McNemar 1947, "Note on the sampling error of the difference between
        correlated proportions or percentages").
        """
        from scipy.stats import binomtest

        differing = self.gained + self.lost
        return float(binomtest(self.gained, differing, alternative="greater").pvalue) if differing else 1.0

    def greatest_loss(self, confidence: float = _CONFIDENCE) -> float:
        """The accuracy that the second loses at most, with this one-sided confidence, in 0 to 1.

        The upper end of Tango's score interval, which holds for few differences, and for none (Tango 1998, "Equivalence
        test and confidence interval for the difference in proportions for the paired-sample design").
        """
        from scipy.optimize import brentq
        from scipy.stats import norm

        if self.lost == self.images:
            return 1.0
        bound = -float(norm.ppf(confidence))
        nearest = np.nextafter(max(-self.gain, 0.0), 1)
        if self._score(nearest) <= bound:  # the second is so much better that it loses nothing
            return 0.0
        return float(brentq(lambda loss: self._score(loss) - bound, nearest, 1 - 1e-12))

    def _score(self, loss: float) -> float:
        """Tango's statistic: how far the observed loss lies from an assumed one in (0, 1), in standard errors."""
        images, lost, gained = self.images, self.lost, self.gained
        linear = -lost - gained + (2 * images - lost + gained) * loss
        constant = -gained * loss * (1 - loss)
        share = (np.sqrt(linear**2 - 8 * images * constant) - linear) / (4 * images)
        return float((lost - gained - images * loss) / np.sqrt(images * (2 * share + loss * (1 - loss))))


def images_needed(loss: float) -> int:
    """How many images are enough to show that the second loses at most so much, if not one of them differs.

    ``Paired.greatest_loss`` of n images without any difference is z² / (n + z²).

    Args:
        loss: Of accuracy, above 0 and at most 1.
    """
    from scipy.stats import norm

    return int(np.ceil(float(norm.ppf(_CONFIDENCE)) ** 2 * (1 - loss) / loss))


def compare_correct(first: Correct, second: Correct) -> Paired:
    """Count where two classifiers differ.

    Args:
        first: bool (images,), at least one; whether the first classifier is right on each image.
        second: bool (images,), the same of the second.
    """
    return Paired(len(first), int(np.sum(second & ~first)), int(np.sum(first & ~second)))
