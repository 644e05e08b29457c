"""The nodes from published files to split arrays and a fixed preprocessing."""

import logging
import os

import numpy as np

from mnist_resnet.config import DataParameters, Dataset
from mnist_resnet.data.check import DataError, read_part
from mnist_resnet.data.fetch import MIRROR_VARIABLE, fetch, mirror_of
from mnist_resnet.data.idx import IdxArray, IdxError, UInt8Array, parse
from mnist_resnet.data.sample import sample_of_each_class
from mnist_resnet.data.split import Split, split
from mnist_resnet.pipelines.annotations import Figure, Folder, Run
from mnist_resnet.pipelines.captions import caption
from mnist_resnet.prediction.pictures import looks_inverted
from mnist_resnet.preprocessing import Preprocessing
from mnist_resnet.reporting import plots
from mnist_resnet.storage.arrays import RawContent

logger = logging.getLogger(__name__)


def fetch_files(name: str, dataset: Dataset, raw_folder: Folder) -> tuple[IdxArray, IdxArray, IdxArray, IdxArray]:
    """The published training images and labels, test images and labels, verified, each of its file's own type."""
    mirror = os.environ.get(MIRROR_VARIABLE)
    contents = fetch(dataset, raw_folder, mirror_of(name, mirror) if mirror else None)
    train_images, train_labels, test_images, test_labels = (
        _parsed(dataset, role, content) for role, content in contents.items()
    )
    read_part(dataset, "train", train_images, train_labels)
    read_part(dataset, "test", test_images, test_labels)
    return train_images, train_labels, test_images, test_labels


def _parsed(dataset: Dataset, role: str, content: RawContent) -> IdxArray:
    try:
        return parse(content)
    except IdxError as error:
        raise DataError(f"{dataset.title}: {dataset.files.by_role()[role].name}: {error}") from None


def split_images(
    published_images: IdxArray, published_labels: IdxArray, dataset: Dataset, data: DataParameters
) -> Split:
    """Training images and labels, validation images and labels."""
    part = read_part(dataset, "train", published_images, published_labels)
    try:
        return split(*part, data)
    except DataError as error:
        raise DataError(f"{dataset.title}: {error}") from None


def read_test_part(
    published_test_images: IdxArray, published_test_labels: IdxArray, dataset: Dataset
) -> tuple[UInt8Array, UInt8Array]:
    """The test images, and their labels as classes counted from 0."""
    return read_part(dataset, "test", published_test_images, published_test_labels)


def plot_prepared_images(
    train_images: UInt8Array,
    train_labels: UInt8Array,
    preprocessing: Preprocessing,
    dataset: Dataset,
    data: DataParameters,
    run: Run,
) -> Figure:
    """Some training images of each class as the network sees them; no others are read."""
    from mnist_resnet.models.preprocessing_layers import prepare

    shown = sample_of_each_class(train_labels, plots.IMAGES_OF_A_CLASS, data.seed)
    images, title = train_images[shown], caption(dataset, "prepared images", run)
    if np.mean([looks_inverted(image) for image in images]) > 0.5:
        logger.warning(
            "%s: most images look dark on bright, but they are padded, shifted and erased with 0, black. Invert "
            "them in the files, unless they are meant to be so",
            dataset.title,
        )
    return plots.image_grid(prepare(images, preprocessing), train_labels[shown], dataset.class_names, title)
