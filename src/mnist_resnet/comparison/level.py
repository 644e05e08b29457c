"""The levels of a verdict, and the tolerances that they allow."""

from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """How much of two runs is the same; each level implies those below it."""

    DIFFERENT = 0
    STATISTICAL = 1
    NUMERIC = 2
    BITWISE = 3


@dataclass(frozen=True)
class Tolerances:
    """The largest differences of two runs that still count as the same.

    Attributes:
        probability: NUMERIC: the largest difference of two probabilities of one image and class. The default is what
            equal weights may give in another order of additions (docs/decisions/0012-tolerance-of-numeric.md).
        accuracy: STATISTICAL: the largest difference of two accuracies. None is half the width of the 95 %
            confidence interval (Wilson) of the first run's, which chance in the choice of test images explains.
    """

    probability: float = 1e-5
    accuracy: float | None = None
