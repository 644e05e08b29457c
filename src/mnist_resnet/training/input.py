"""Batches for training and validation, fed as raw uint8 images."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from mnist_resnet.training.augmentation import EpochDraws

_PREFETCHED_BATCHES = 2

Batch = tuple[Any, npt.NDArray[np.int32]]


def training_batches(
    images: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8], draws: EpochDraws, batch_size: int
) -> Iterator[Batch]:
    """The batches of one epoch: images with their draws, and labels; an incomplete last one is left out.

    Args:
        images: uint8 (images, height, width); may be memory-mapped, only a batch is read at a time.
        labels: uint8 (images,).
        draws: Order and augmentation of the epoch.
        batch_size: Images in a batch.
    """
    for start in range(0, len(labels) - batch_size + 1, batch_size):
        chosen = draws.order[start : start + batch_size]
        inputs = {"image": images[chosen], "shift": draws.shifts[chosen], "flip": draws.flips[chosen]}
        yield inputs, labels[chosen].astype(np.int32)


def validation_batches(
    images: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8], batch_size: int
) -> Iterator[Batch]:
    """All images and labels, in order, as they are."""
    for start in range(0, len(labels), batch_size):
        part = slice(start, start + batch_size)
        yield np.asarray(images[part]), labels[part].astype(np.int32)


def feed(batches: Iterator[Batch], count: int) -> Any:
    """Turn batches into what ``fit`` and ``evaluate`` take best on the current backend.

    On TensorFlow that is a ``tf.data`` pipeline, with its autotune thread off: at the end of every
    epoch that thread can hold the process up for seconds.

    Args:
        batches: One or more batches; they can be gone through once.
        count: How many there are.
    """
    if keras.backend.backend() != "tensorflow":
        return batches
    import tensorflow as tf

    first = next(batches)

    def all_batches() -> Iterator[Batch]:
        yield first
        yield from batches

    signature = tf.nest.map_structure(lambda array: tf.TensorSpec((None, *array.shape[1:]), array.dtype), first)
    options = tf.data.Options()
    options.autotune.enabled = False
    dataset = tf.data.Dataset.from_generator(all_batches, output_signature=signature)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(count))
    return dataset.prefetch(_PREFETCHED_BATCHES).with_options(options)
