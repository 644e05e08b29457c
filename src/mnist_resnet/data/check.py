"""Whether the contents of a data set's files fit each other and the configuration."""

import numpy as np

from mnist_resnet.config import Dataset
from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.errors import UserError


class DataError(UserError, ValueError):
    """Files that are whole but do not fit what the configuration says of them."""


def check_part(dataset: Dataset, part: str, images: UInt8Array, labels: UInt8Array) -> None:
    """Refuse images and labels that do not fit each other or the configuration.

    Args:
        dataset: What the configuration says.
        part: ``train`` or ``test``, for messages.
        images: uint8 (images, height, width).
        labels: uint8 (images,), each a class index.

    Raises:
        DataError: If counts, image size or labels do not fit.
    """
    if images.ndim != 3 or images.shape[1:] != dataset.image_size:
        raise DataError(
            f"{dataset.title}: {part} images have shape {images.shape[1:]}, but image_size says "
            f"{dataset.image_size}; correct image_size in conf/base/datasets.yml"
        )
    if labels.shape != images.shape[:1]:
        raise DataError(f"{dataset.title}: {len(images)} {part} images, but labels of shape {labels.shape}")
    check_labels(dataset, part, labels)


def check_labels(dataset: Dataset, part: str, labels: UInt8Array) -> None:
    """Refuse labels that do not fit the configured classes; the arguments are those of ``check_part``.

    Raises:
        DataError: If a label has no class, or a class no training image.
    """
    classes = len(dataset.class_names)
    if labels.size and labels.max() >= classes:
        raise DataError(
            f"{dataset.title}: {part} labels go up to {labels.max()}, but class_names lists {classes} classes "
            f"(0 to {classes - 1}); correct class_names in conf/base/datasets.yml"
        )
    absent = np.flatnonzero(np.bincount(labels, minlength=classes) == 0)
    if part == "train" and absent.size:
        names = ", ".join(dataset.class_names[index] for index in absent)
        raise DataError(
            f"{dataset.title}: no training image has the class {names}; correct class_names in conf/base/datasets.yml"
        )
