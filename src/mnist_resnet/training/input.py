"""Batches for training and validation, fed as raw uint8 images."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_resnet.computing.backend import keras
from mnist_resnet.storage.arrays import Array
from mnist_resnet.training.augmentation import EpochDraws

_PREFETCHED_BATCHES = 2

Batch = tuple[Any, npt.NDArray[np.int32]]


class Batches(keras.utils.PyDataset):  # type: ignore[misc]  # keras is untyped
    """Batches by number, each made when it is asked for.

    Args:
        count: How many there are.
        make: Makes the batch of a number, counted from 0.
    """

    def __init__(self, count: int, make: Callable[[int], Batch]) -> None:
        super().__init__()
        self._count, self._make = count, make

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> Batch:
        if not 0 <= number < self._count:
            raise IndexError(f"batch {number} of {self._count}")
        return self._make(number)


def training_batches(images: Array, labels: npt.NDArray[np.uint8], draws: EpochDraws, batch_size: int) -> Batches:
    """The batches of one epoch: images with their draws, and labels; an incomplete last one is left out.

    Args:
        images: uint8 (images, height, width); may be memory-mapped, only a batch is read at a time.
        labels: uint8 (images,).
        draws: Order and augmentation of the epoch.
        batch_size: Images in a batch.
    """

    def make(number: int) -> Batch:
        chosen = draws.order[number * batch_size : (number + 1) * batch_size]
        drawn = {"shift": draws.shifts[chosen], "flip": draws.flips[chosen], "erased": draws.erased[chosen]}
        return {"image": images[chosen], **drawn}, labels[chosen].astype(np.int32)

    return Batches(len(labels) // batch_size, make)


def validation_batches(images: Array, labels: npt.NDArray[np.uint8], batch_size: int) -> Batches:
    """All images and labels, in order, as they are."""

    def make(number: int) -> Batch:
        part = slice(number * batch_size, (number + 1) * batch_size)
        return np.asarray(images[part]), labels[part].astype(np.int32)

    return Batches(math.ceil(len(labels) / batch_size), make)


def feed(batches: Batches) -> Any:
    """Turn batches into what ``fit`` and ``evaluate`` take best on the current backend.

    On TensorFlow that is a ``tf.data`` pipeline, with its autotune thread off: at the end of every
    epoch that thread can hold the process up for seconds.

    Args:
        batches: At least one.
    """
    if keras.backend.backend() != "tensorflow":
        return batches
    import tensorflow as tf

    signature = tf.nest.map_structure(lambda array: tf.TensorSpec((None, *array.shape[1:]), array.dtype), batches[0])
    options = tf.data.Options()
    options.autotune.enabled = False
    dataset = tf.data.Dataset.from_generator(lambda: iter(batches), output_signature=signature)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(len(batches)))
    return dataset.prefetch(_PREFETCHED_BATCHES).with_options(options)
