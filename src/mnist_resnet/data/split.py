"""The split of the training images into training and validation."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mnist_resnet.arrays import Selection
from mnist_resnet.config import DataParameters
from mnist_resnet.data.check import DataError
from mnist_resnet.data.idx import UInt8Array


class Split(NamedTuple):
    """Training and validation arrays; images are (images, height, width), labels (images,)."""

    train_images: UInt8Array | Selection
    train_labels: UInt8Array
    validation_images: UInt8Array | Selection
    validation_labels: UInt8Array


def split(images: UInt8Array, labels: UInt8Array, parameters: DataParameters) -> Split:
    """Set aside a validation part: the last images, or drawn so that every class has its share.

    Each part keeps the published order, so that equal parameters give equal bytes.

    Args:
        images: uint8 (images, height, width).
        labels: uint8 (images,).
        parameters: The seed, how the validation part is chosen, its fraction and an optional limit
            on the images used. A fraction of 0 leaves the validation part empty.

    Returns:
        Labels, and images that are not copied: each is read from ``images`` when it is asked for.

    Raises:
        DataError: If the limit exceeds the number of images, or a part would be too small for all classes.
    """
    chosen = _limited(labels, parameters)
    size = round(parameters.validation_fraction * len(chosen))
    if parameters.validation_fraction:
        _check_sizes("data.validation_fraction", parameters.validation_fraction, labels, size, len(chosen) - size)
    if size == 0 or parameters.validation == "last":
        train, validation = np.split(chosen, [len(chosen) - size])
    else:
        train, validation = _stratified(chosen, labels, size, parameters.seed)
    return Split(Selection(images, train), labels[train], Selection(images, validation), labels[validation])


def _limited(labels: UInt8Array, parameters: DataParameters) -> npt.NDArray[np.int64]:
    everything = np.arange(len(labels))
    limit = parameters.training_images
    if limit is None or limit == len(labels):
        return everything
    if limit > len(labels):
        raise DataError(
            f"data.training_images: received {limit}, but there are {len(labels)} images; lower it, or use null for all"
        )
    _check_sizes("data.training_images", limit, labels, limit, len(labels) - limit)
    return _stratified(everything, labels, limit, parameters.seed)[1]


def _check_sizes(key: str, value: float, labels: UInt8Array, *sizes: int) -> None:
    classes = len(np.unique(labels))
    if min(sizes) < classes:
        raise DataError(
            f"{key}: received {value}, which parts {sum(sizes)} images into {max(sizes)} and {min(sizes)}; "
            f"each part needs at least one image of each of the {classes} classes"
        )


def _stratified(
    indices: npt.NDArray[np.int64], labels: UInt8Array, size: int, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    from sklearn.model_selection import train_test_split

    rest, part = train_test_split(indices, test_size=size, random_state=seed, stratify=labels[indices])
    return np.sort(rest), np.sort(part)
