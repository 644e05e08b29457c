"""The agreement of two forms of one model on the same images."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_resnet.errors import UserError

# Behind the name of each exported format, in ``parity.json`` and ``evaluation.json``.
DIFFERENCE = "_max_abs_diff"


class ParityError(UserError, RuntimeError):
    """An exported model that does not agree with the trained one."""


@dataclass(frozen=True)
class Parity:
    """How closely two models agree on the same images.

    Attributes:
        max_abs_diff: The largest difference of two probabilities.
        argmax_agreement: Share of the images with the same most probable class, in 0 to 1.
    """

    max_abs_diff: float
    argmax_agreement: float

    def require(self, tolerance: float, what: str) -> None:
        """Refuse a disagreement.

        Within the tolerance, the most probable class can only differ where two classes are as probable as each other
        but for twice the tolerance: a tie, which rounding decides.

        Raises:
            ParityError: If a probability differs by more than ``tolerance``.
        """
        if not self.max_abs_diff <= tolerance:
            raise ParityError(
                f"{what} does not agree with the trained model: probabilities differ by up to "
                f"{self.max_abs_diff:.2e} ({tolerance:.2e} are tolerated, see export.parity_tolerance) and "
                f"{self.argmax_agreement:.4%} of the classes are the same; nothing was published"
            )


def compare(reference: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> Parity:
    """Compare two arrays of probabilities, each float32 (images, classes)."""
    if reference.shape != other.shape:
        raise ParityError(f"probabilities of shape {other.shape} cannot be compared with {reference.shape}")
    same = reference.argmax(axis=1) == other.argmax(axis=1)
    return Parity(float(np.abs(reference - other).max()), float(same.mean()))
