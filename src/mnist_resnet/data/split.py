"""The split of the training images into training and validation."""

import logging
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mnist_resnet.config import DataParameters
from mnist_resnet.data.check import DataError
from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.storage.arrays import Rows, Selection
from mnist_resnet.storage.shard_writing import RowsForShards

logger = logging.getLogger(__name__)

Indices = npt.NDArray[np.int64]


class Split(NamedTuple):
    """Training and validation arrays; images are (images, height, width), labels (images,)."""

    train_images: UInt8Array | Rows
    train_labels: UInt8Array
    validation_images: UInt8Array | Rows
    validation_labels: UInt8Array


def split(images: UInt8Array, labels: UInt8Array, parameters: DataParameters) -> Split:
    """Set aside a validation part: the last images, or drawn so that every class has its share.

    Each part keeps the published order, so that equal parameters give equal bytes. The only image of a class stays
    with the training images.

    Args:
        images: uint8 (images, height, width).
        labels: uint8 (images,), class indices.
        parameters: The seed, how the validation part is chosen, its fraction, an optional limit
            on the images used, and whether the training images are stored as shards. A fraction of 0 leaves the
            validation part empty.

    Returns:
        Labels, and images that are not copied: each is read from ``images`` when it is asked for.

    Raises:
        DataError: If the limit exceeds the number of images, a part would be too small for all classes, or no image of
            a class would be left to train on.
    """
    check_sizes(labels, parameters)
    chosen = _limited(labels, parameters)
    size = round(parameters.validation_fraction * len(chosen))
    if size == 0 or parameters.validation == "last":
        train, validation = np.split(chosen, [len(chosen) - size])
    else:
        train, validation = _stratified(chosen, labels, size, parameters.seed)
    _check_classes_left(labels, train, parameters)
    size_of_shard = parameters.shard_images
    train_images = RowsForShards(images, train, size_of_shard) if size_of_shard else Selection(images, train)
    return Split(train_images, labels[train], Selection(images, validation), labels[validation])


def check_sizes(labels: UInt8Array, parameters: DataParameters) -> int:
    """Refuse a split that has too few images in a part, before it is made; the arguments are those of ``split``.

    Returns:
        How many images are left to train on.

    Raises:
        DataError: If the limit exceeds the number of images, or a part would be too small for all classes.
    """
    limit, count = parameters.training_images, len(labels)
    if limit is not None and limit > count:
        raise DataError(
            f"data.training_images: received {limit}, but there are {count} images; lower it, or use null for all"
        )
    if limit is not None and limit < count:
        _check_parts("data.training_images", limit, labels, limit, count - limit)
        count = limit
    size = round(parameters.validation_fraction * count)
    if parameters.validation_fraction:
        _check_parts("data.validation_fraction", parameters.validation_fraction, labels, count - size, size)
    return count - size


def _check_parts(key: str, value: float, labels: UInt8Array, kept: int, other: int) -> None:
    """Refuse parts without room for each class; ``kept`` is the size of the one that has the only image of a class."""
    counts = np.bincount(labels)
    several, alone = np.count_nonzero(counts > 1), np.count_nonzero(counts == 1)
    if other < several or kept < several + alone:
        raise DataError(
            f"{key}: received {value}, which splits {kept + other} images into {max(kept, other)} and "
            f"{min(kept, other)}; each part needs at least one image of each of the {several} classes"
            + (f" that have several, and one of them {alone} more images" if alone else "")
        )


def _limited(labels: UInt8Array, parameters: DataParameters) -> Indices:
    everything, limit = np.arange(len(labels)), parameters.training_images
    if limit is None or limit == len(labels):
        return everything
    several, alone = _alone(everything, labels)
    _, part = _drawn(several, labels, limit - len(alone), parameters.seed)
    return np.sort(np.concatenate([part, alone]))


def _stratified(indices: Indices, labels: UInt8Array, size: int, seed: int) -> tuple[Indices, Indices]:
    several, alone = _alone(indices, labels)
    if alone.size:
        logger.info("Classes with only one image: %d. It is used for training, not for validation", alone.size)
    rest, part = _drawn(several, labels, size, seed)
    return np.sort(np.concatenate([rest, alone])), np.sort(part)


def _alone(indices: Indices, labels: UInt8Array) -> tuple[Indices, Indices]:
    """The images of classes that have several, and those that are the only one of theirs."""
    single = (np.bincount(labels[indices]) == 1)[labels[indices]]
    return indices[~single], indices[single]


def _drawn(indices: Indices, labels: UInt8Array, size: int, seed: int) -> tuple[Indices, Indices]:
    from sklearn.model_selection import train_test_split

    rest, part = train_test_split(indices, test_size=size, random_state=seed, stratify=labels[indices])
    return rest, part


def _check_classes_left(labels: UInt8Array, train: Indices, parameters: DataParameters) -> None:
    lost = np.setdiff1d(labels, labels[train])
    if not lost.size:
        return
    limit, remedies = parameters.training_images, ["a smaller validation_fraction"]
    remedies += ["'stratified'"] if parameters.validation == "last" else []
    remedies += ["more training_images"] if limit is not None else []
    raise DataError(
        f"data.validation: received '{parameters.validation}', which with validation_fraction "
        f"{parameters.validation_fraction} and training_images {limit} leaves no training image of the classes "
        f"{', '.join(map(str, lost))} (counted from 0); choose {' or '.join(remedies)}"
    )
