"""The first layers of every network: from raw pixels to its input.

They pad or resize to the target size, then compute ``(value - mean) * scale`` in float32.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_resnet.computing.backend import keras
from mnist_resnet.preprocessing import Preprocessing


def preprocessing_layers(preprocessing: Preprocessing, image_size: tuple[int, int]) -> list[Callable[[Any], Any]]:
    """The layers that turn uint8 (batch, height, width) into float32 (batch, *size, 1).

    Args:
        preprocessing: What to do.
        image_size: (height, width) of the raw images.
    """
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
    prepared = keras.ops.convert_to_tensor(images)
    for layer in preprocessing_layers(preprocessing, images.shape[1:]):
        prepared = layer(prepared)
    return np.asarray(keras.ops.convert_to_numpy(prepared))[..., 0]
