"""The preprocessing of raw pixels, fixed once on the training images.

Its steps are layers of every model, so that training, export and serving cannot differ.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from mnist_resnet.config import PreprocessingParameters
from mnist_resnet.errors import UserError
from mnist_resnet.storage.arrays import parts


class PreprocessingError(UserError, ValueError):
    """Images that the preprocessing cannot be fixed on."""


@dataclass(frozen=True)
class Preprocessing:
    """The fixed preprocessing of one data set.

    Attributes:
        method: ``pad`` with zeros (black), evenly on both sides, or ``resize`` bilinearly.
        size: Target (height, width) in pixels.
        mean: Subtracted from raw pixel values, in 0 to 255.
        scale: Multiplied after that; one over the standard deviation, or over 255.
    """

    method: Literal["pad", "resize"]
    size: tuple[int, int]
    mean: float
    scale: float


def fit_preprocessing(train_images: npt.NDArray[np.uint8], parameters: PreprocessingParameters) -> Preprocessing:
    """Fix the preprocessing on the training images.

    Args:
        train_images: uint8 (images, height, width).
        parameters: Method, target size and kind of scaling.

    Raises:
        PreprocessingError: If all pixels are equal, so that there is no deviation to divide by.
    """
    if parameters.scaling == "unit":
        return Preprocessing(parameters.method, parameters.size, 0.0, 1 / 255)
    counts, values = sum(np.bincount(part.ravel(), minlength=256) for part in parts(train_images)), np.arange(256)
    mean = float(np.average(values, weights=counts))
    deviation = float(np.sqrt(np.average((values - mean) ** 2, weights=counts)))
    if deviation == 0:
        raise PreprocessingError(
            "preprocessing.scaling: received 'standardize', but all training pixels have the same value; use 'unit'"
        )
    return Preprocessing(parameters.method, parameters.size, mean, 1 / deviation)
