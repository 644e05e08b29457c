"""From raw pixels to the network's input: fixed once on the training images, part of every model.

The steps are layers of the model itself, so that training, export and serving cannot differ:
pad or resize to the target size, then ``(value - mean) * scale`` in float32.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

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


def fit_preprocessing(images: npt.NDArray[np.uint8], parameters: PreprocessingParameters) -> Preprocessing:
    """Fix the preprocessing on the training images.

    Args:
        images: uint8 (images, height, width), the training part only.
        parameters: Method, target size and kind of scaling.

    Raises:
        PreprocessingError: If all pixels are equal, so that there is no deviation to divide by.
    """
    if parameters.scaling == "unit":
        return Preprocessing(parameters.method, parameters.size, 0.0, 1 / 255)
    mean, deviation = _mean_and_deviation(images)
    if deviation == 0:
        raise PreprocessingError(
            "preprocessing.scaling: received 'standardize', but all images are of one value; use 'unit'"
        )
    return Preprocessing(parameters.method, parameters.size, mean, 1 / deviation)


def _mean_and_deviation(images: npt.NDArray[np.uint8]) -> tuple[float, float]:
    counts = sum(np.bincount(part.ravel(), minlength=256) for part in parts(images))
    values = np.arange(256)
    mean = np.average(values, weights=counts)
    return float(mean), float(np.sqrt(np.average((values - mean) ** 2, weights=counts)))


def preprocessing_layers(preprocessing: Preprocessing, image_size: tuple[int, int]) -> list[Callable[[Any], Any]]:
    """The layers that turn uint8 (batch, height, width) into float32 (batch, *size, 1).

    Args:
        preprocessing: What to do.
        image_size: (height, width) of the raw images.
    """
    from mnist_resnet.computing.backend import keras

    # float32 is exact enough under any precision policy of the network that follows.
    offset = -preprocessing.mean * preprocessing.scale
    channel = keras.layers.Reshape((*image_size, 1), name="channel", dtype="uint8")
    standardize = keras.layers.Rescaling(preprocessing.scale, offset=offset, name="standardize", dtype="float32")
    fit_to_size = _fit_to_size(preprocessing, image_size)
    if preprocessing.method == "resize":  # of uint8 images, Keras' resizing would round; both steps are linear
        return [channel, standardize, fit_to_size]
    # ONNX converters would pad uint8 by way of float and back.
    return [channel, partial(keras.ops.cast, dtype="float32"), fit_to_size, standardize]


def _fit_to_size(preprocessing: Preprocessing, image_size: tuple[int, int]) -> Callable[[Any], Any]:
    from mnist_resnet.computing.backend import keras

    if preprocessing.method == "resize":
        # Not ``keras.layers.Resizing``, after which all layers are in training mode unless they are told otherwise.
        return partial(keras.ops.image.resize, size=preprocessing.size, interpolation="bilinear")
    missing = [target - size for target, size in zip(preprocessing.size, image_size, strict=True)]
    margins = tuple((total // 2, total - total // 2) for total in missing)
    pad: Callable[[Any], Any] = keras.layers.ZeroPadding2D(margins, name="pad", dtype="float32")
    return pad


def prepare(images: npt.NDArray[np.uint8], preprocessing: Preprocessing) -> npt.NDArray[np.float32]:
    """Apply the preprocessing alone, to look at what the network sees.

    Args:
        images: uint8 (images, height, width).
        preprocessing: What to do.

    Returns:
        float32 (images, *size).
    """
    from mnist_resnet.computing.backend import keras

    prepared = keras.ops.convert_to_tensor(images)
    for layer in preprocessing_layers(preprocessing, images.shape[1:]):
        prepared = layer(prepared)
    return np.asarray(keras.ops.convert_to_numpy(prepared))[..., 0]
