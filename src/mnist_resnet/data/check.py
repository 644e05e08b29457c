"""The reading of published arrays as grey images and class indices; what does not fit is refused by name."""

import json
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_resnet.config import MOST_CLASSES, Dataset
from mnist_resnet.data.idx import IdxArray, UInt8Array
from mnist_resnet.errors import UserError
from mnist_resnet.storage.arrays import parts

_CONFIGURED = "in conf/base/datasets.yml"


class DataError(UserError, ValueError):
    """Files that are whole but do not fit what the configuration says of them."""


def read_part(dataset: Dataset, part: str, images: IdxArray, labels: IdxArray) -> tuple[UInt8Array, UInt8Array]:
    """The images and classes of a part of a data set, if they fit each other and the configuration.

    Args:
        dataset: What the configuration says.
        part: ``train`` or ``test``.
        images: As published: (images, height, width), with or without an axis for one channel; whole numbers from 0 to
            255, whatever their type.
        labels: As published: (images,), whole numbers from ``first_label`` on.

    Returns:
        uint8 images (images, height, width), not copied if they are so already, and uint8 class indices (images,).

    Raises:
        DataError: If there are none, or counts, image size, colours, pixels or labels do not fit.
    """
    grey = _grey(dataset, part, images)
    if labels.shape != grey.shape[:1]:
        raise DataError(f"{dataset.title}: {len(grey)} {part} images, but labels of shape {labels.shape}")
    classes = class_indices(dataset, part, labels)
    return _as_bytes(dataset, part, grey), classes


def class_indices(dataset: Dataset, part: str, labels: IdxArray) -> UInt8Array:
    """Labels as class indices, counted from 0; the arguments are those of ``read_part``.

    Raises:
        DataError: If there are none, a label has no class, or a class that may not be empty no training image.
    """
    if not len(labels):
        raise DataError(f"{dataset.title}: its {part} files hold no images; at least one is needed")
    whole = _as_integers(dataset, part, labels)
    lowest, highest = int(whole.min()), int(whole.max())
    if lowest < dataset.first_label or highest > dataset.last_label:
        raise DataError(
            f"{dataset.title}: {part} labels go from {lowest} to {highest}, but class_names lists "
            f"{len(dataset.class_names)} classes, for the labels {dataset.first_label} to {dataset.last_label}; "
            f"{_remedy(dataset, part, lowest, highest)}"
        )
    indices = (whole - dataset.first_label).astype(np.uint8)
    if part == "train":
        _check_absent(dataset, indices)
    return indices


def _grey(dataset: Dataset, part: str, images: IdxArray) -> IdxArray:
    shape, size = images.shape[1:], dataset.image_size
    if shape == size:
        return images
    if shape in {(1, *size), (*size, 1)}:
        return images.reshape(-1, *size)
    file = dataset.files.by_role()[f"{part}_images"].name
    if len(shape) == 3 and {shape[0], shape[2]} & {2, 3, 4}:
        remedy = "colour is not supported; make them grey, with one value from 0 to 255 for each pixel"
    else:
        remedy = f"correct image_size, or name another file than {file}, {_CONFIGURED}"
    raise DataError(f"{dataset.title}: {part} images ({file}) have shape {shape}, but image_size says {size}: {remedy}")


def _as_bytes(dataset: Dataset, part: str, images: IdxArray) -> UInt8Array:
    if images.dtype == np.uint8:
        return images
    converted, done = np.empty(images.shape, np.uint8), 0
    for values in parts(images):
        wrong = values[~are_pixels(values)]
        if wrong.size:
            raise DataError(
                f"{dataset.title}: {part} images are {images.dtype.name} with the value {wrong[0]:g}, but a pixel is a "
                f"whole number from 0 to 255; scale and round them, and store them as unsigned bytes"
            )
        converted[done : done + len(values)] = values
        done += len(values)
    return converted


def are_pixels(values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Which numbers are whole and from 0 to 255, whatever their type."""
    with np.errstate(invalid="ignore"):  # of what is no number, the comparison is false
        return np.asarray((values >= 0) & (values <= 255) & (np.floor(values) == values))


def _as_integers(dataset: Dataset, part: str, labels: IdxArray) -> npt.NDArray[np.int64]:
    with np.errstate(invalid="ignore"):
        wrong: npt.NDArray[Any] = labels[~((np.abs(labels) < 2**31) & (np.floor(labels) == labels))]
    if labels.ndim != 1 or wrong.size:
        what = f"the value {wrong[0]:g}" if labels.ndim == 1 else f"the shape {labels.shape}"
        raise DataError(
            f"{dataset.title}: {part} labels have {what}, but labels are whole numbers, one for each image; "
            f"correct the files"
        )
    return labels.astype(np.int64)


def _remedy(dataset: Dataset, part: str, lowest: int, highest: int) -> str:
    """What to change so that all labels have a class."""
    if highest - lowest >= MOST_CLASSES:
        return f"there can be at most {MOST_CLASSES} classes; correct the files"
    if part == "test":  # the training labels fit
        first, last = min(lowest, dataset.first_label), max(highest, dataset.last_label)
        return f"name each label from {first} to {last} {_CONFIGURED}, or take the test files of this data set"
    return (
        f"set first_label {_CONFIGURED} to the label of the first name, {lowest} or less, and list a name for each "
        f"label up to {highest}; names without training images go into empty_classes, too"
    )


def _check_absent(dataset: Dataset, indices: UInt8Array) -> None:
    """Refuse classes without training images, but for those that may have none."""
    names, first = dataset.class_names, dataset.first_label
    absent = np.flatnonzero(np.bincount(indices, minlength=len(names)) == 0).tolist()
    refused = [index for index in absent if names[index] not in dataset.empty_classes]
    if refused and len(names) - len(absent) == 1:
        raise DataError(
            f"{dataset.title}: all training images have the label {int(indices[0]) + first}, but a "
            f"classifier needs at least two classes; correct the files"
        )
    if refused:
        missing, labels = (names[index] for index in refused), (str(index + first) for index in refused)
        permitted = json.dumps([names[index] for index in absent], ensure_ascii=False)
        raise DataError(
            f"{dataset.title}: no training image has the class {', '.join(missing)} (label {', '.join(labels)}), "
            f"training labels go from {int(indices.min()) + first} to {int(indices.max()) + first}. If the files are "
            f"right, set {_CONFIGURED} empty_classes: {permitted}; if there is no such class, take it out of "
            f"class_names, and set first_label to the label of the first name"
        )
