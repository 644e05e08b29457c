"""Samples of the images, drawn so that the order of the published file does not matter."""

import numpy as np
import numpy.typing as npt

from mnist_resnet.data.idx import UInt8Array


def spread_sample(labels: UInt8Array, size: int, seed: int) -> npt.NDArray[np.int64]:
    """Draw images so that every class has its share of them, as it has of the whole.

    A systematic sample of the images in the order of their classes, each class shuffled: a class has as many of the
    drawn images as its share says, rounded up or down, and each image the same chance (Madow & Madow 1944, "On the
    theory of systematic sampling, I").

    Args:
        labels: uint8 (images,); classes may lack.
        size: How many to draw, at least one; all if there are fewer.
        seed: Where all chance comes from, not negative.

    Returns:
        int64 (drawn,), rising: their places in ``labels``.
    """
    if size >= len(labels):
        return np.arange(len(labels))
    generator = np.random.default_rng(seed)
    by_class = _shuffled_by_class(labels, generator)
    places = (np.arange(size) * len(labels) + generator.integers(len(labels))) // size
    return np.sort(by_class[places])


def sample_of_each_class(labels: UInt8Array, size: int, seed: int) -> npt.NDArray[np.int64]:
    """Draw equally many images of each class, or all of a class that has fewer.

    Args:
        labels: uint8 (images,); classes may lack.
        size: How many of each class.
        seed: Where all chance comes from, not negative.

    Returns:
        int64 (drawn,), rising: their places in ``labels``.
    """
    by_class = _shuffled_by_class(labels, np.random.default_rng(seed))
    starts = np.searchsorted(labels[by_class], labels[by_class])
    return np.sort(by_class[np.arange(len(labels)) - starts < size])


def _shuffled_by_class(labels: UInt8Array, generator: np.random.Generator) -> npt.NDArray[np.int64]:
    order = generator.permutation(len(labels))
    return order[np.argsort(labels[order], kind="stable")]
