"""The agreement of all forms of one model with each other."""

from collections.abc import Mapping

from mnist_resnet.evaluation.metrics import Probabilities
from mnist_resnet.evaluation.parity import Parity, ParityError, compare

Agreement = dict[str, dict[str, Parity]]


def measure_agreement(probabilities: Mapping[str, Probabilities]) -> Agreement:
    """Compare every form of a model with every other.

    Args:
        probabilities: By the form's name (``keras``, ``savedmodel``, ``fp32``, …), float32 (images, classes)
            on the same images.

    Returns:
        A symmetric matrix as ``matrix[one][other]``.

    Raises:
        ParityError: If two arrays differ in shape; the message names both forms.
    """
    return {
        one: {other: _compare(one, reference, other, answers) for other, answers in probabilities.items()}
        for one, reference in probabilities.items()
    }


def _compare(one: str, reference: Probabilities, other: str, answers: Probabilities) -> Parity:
    try:
        return compare(reference, answers)
    except ParityError as error:
        raise ParityError(f"{other} against {one}: {error}; give both the same images") from error
