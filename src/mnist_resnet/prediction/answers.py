"""Answers of an exported model to a person's own pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mnist_resnet.evaluation.classifier import Classifier, ModelFileError
from mnist_resnet.prediction.pictures import Fit, looks_inverted, read_picture

_BATCH_SIZE = 32


@dataclass(frozen=True)
class Guess:
    """A class and its probability, from 0 to 1."""

    class_name: str
    probability: float


@dataclass(frozen=True)
class Prediction:
    """What a model says of one picture.

    Attributes:
        file: The picture's path.
        looks_inverted: Whether the image that the model saw is dark on bright.
        guesses: Most probable first.
    """

    file: str
    looks_inverted: bool
    guesses: tuple[Guess, ...]


def classify(
    classifier: Classifier, pictures: Sequence[Path], top: int = 3, invert: bool = False, fit: Fit = "whole"
) -> list[Prediction]:
    """Classify pictures.

    Args:
        classifier: The model.
        pictures: At least one; see ``read_picture``.
        top: How many classes to name, at least one; all if there are fewer.
        invert: Swap dark and bright in each picture.
        fit: How pictures are fitted; see ``read_picture``.

    Returns:
        One prediction for each picture, in their order.

    Raises:
        PictureError: If one of the files cannot be used; no answer is given then.
        ModelFileError: If the model's answer to one is not finite.
    """
    images = np.stack([read_picture(path, classifier.image_size, invert, fit) for path in pictures])
    probabilities = classifier.session.probabilities(images, _BATCH_SIZE)
    for path, answer in zip(pictures, probabilities, strict=True):
        if not np.isfinite(answer).all():
            said = f"--model: received one that answers {answer.tolist()} to {path}"
            raise ModelFileError(f"{said}, which is not finite; name another model")
    return [
        Prediction(str(path), looks_inverted(image), _guesses(classifier.class_names, answer, top))
        for path, image, answer in zip(pictures, images, probabilities, strict=True)
    ]


def _guesses(names: Sequence[str], probabilities: Any, top: int) -> tuple[Guess, ...]:
    order = np.argsort(-probabilities, kind="stable")[:top]
    return tuple(Guess(names[index], round(float(probabilities[index]), 6)) for index in order)
