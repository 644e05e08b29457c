"""How closely all forms of one model agree with each other."""

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
import numpy.typing as npt

from mnist_resnet.evaluation.parity import ParityError, compare

Agreement = dict[str, dict[str, dict[str, float]]]


def agreement(probabilities: Mapping[str, npt.NDArray[np.float32]]) -> Agreement:
    """Compare every form of a model with every other.

    Args:
        probabilities: By the form's name (``keras``, ``savedmodel``, ``fp32``, …), float32 (images, classes)
            on the same images.

    Returns:
        A symmetric matrix as ``matrix[one][other]``, each with the fields of ``Parity``.

    Raises:
        ParityError: If two arrays differ in shape; the message names both forms.
    """
    return {
        one: {other: _compare(one, reference, other, answers) for other, answers in probabilities.items()}
        for one, reference in probabilities.items()
    }


def _compare(
    one: str, reference: npt.NDArray[np.float32], other: str, answers: npt.NDArray[np.float32]
) -> dict[str, float]:
    try:
        return asdict(compare(reference, answers))
    except ParityError as error:
        raise ParityError(f"{other} against {one}: {error}; give both the same images") from error
