"""Batches for training and validation, fed as raw uint8 images."""

import math
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_resnet.computing.backend import keras
from mnist_resnet.storage.arrays import Array
from mnist_resnet.training.augmentation import EpochDraws
from mnist_resnet.training.distribution import ALONE, Share

NO_CLASS = -1

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


def training_batches(
    images: Array, labels: npt.NDArray[np.uint8], draws: EpochDraws, batch_size: int, share: Share = ALONE
) -> Batches:
    """The batches of one epoch: images with their draws, and labels; an incomplete last one is left out.

    Args:
        images: uint8 (images, height, width); may be memory-mapped, only a batch is read at a time.
        labels: uint8 (images,).
        draws: Order and augmentation of the epoch.
        batch_size: Images in a batch.
        share: Which of them this process feeds.
    """

    def make(number: int) -> Batch:
        return gathered(images, labels, draws, draws.order[share.rows(number, batch_size)])

    return Batches(len(labels) // batch_size, make)


def gathered(images: Array, labels: npt.NDArray[np.uint8], draws: EpochDraws, chosen: npt.NDArray[np.int64]) -> Batch:
    """A batch of training images with their draws, and labels.

    Args:
        images: uint8 (images, height, width).
        labels: uint8 (images,).
        draws: Of the same images.
        chosen: The places of those in the batch.
    """
    drawn = {"shift": draws.shifts[chosen], "flip": draws.flips[chosen], "erased": draws.erased[chosen]}
    return {"image": images[chosen], **drawn}, labels[chosen].astype(np.int32)


def validation_batches(
    images: Array, labels: npt.NDArray[np.uint8], batch_size: int, devices: int = 1, share: Share = ALONE
) -> Batches:
    """All images and labels, in order, as they are.

    Args:
        images: uint8 (images, height, width).
        labels: uint8 (images,).
        batch_size: Images in a batch, the last one apart; rounded up to a number that the devices can share.
        devices: How many share each batch. The last one is filled up with images of no class: their labels are
            ``NO_CLASS``, of which JAX's loss is zero and every answer wrong; see ``filling``.
        share: Which images of each batch this process feeds.
    """
    size = math.ceil(batch_size / devices) * devices

    def make(number: int) -> Batch:
        left = len(labels) - number * size
        whole = min(size, math.ceil(left / devices) * devices)
        rows = share.rows(0, whole)
        part = slice(number * size + rows.start, number * size + rows.stop)
        raw, classes = np.asarray(images[part]), labels[part].astype(np.int32)
        missing = rows.stop - rows.start - len(classes)
        raw = np.concatenate([raw, np.zeros((missing, *raw.shape[1:]), raw.dtype)]) if missing else raw
        return raw, np.pad(classes, (0, missing), constant_values=NO_CLASS)

    return Batches(math.ceil(len(labels) / size), make)


def filling(images: int, devices: int) -> float:
    """What a mean over ``validation_batches`` is multiplied by to be the mean over the images.

    Args:
        images: How many there are, at least one.
        devices: How many share each batch.
    """
    return math.ceil(images / devices) * devices / images


class LookAhead(keras.utils.PyDataset):  # type: ignore[misc]  # keras is untyped
    """The same batches, each of which a thread has made before it is asked for.

    ``tf.data`` can look ahead, too, but under ``deterministic`` it makes each batch only when it is asked for.

    Args:
        batches: What the thread makes, one by one and in order, as long as they are asked for in order.
        maker: Of one thread.
        ahead: How many batches are made before they are asked for, at most.
    """

    def __init__(self, batches: Batches, maker: Executor, ahead: int) -> None:
        super().__init__()
        self._batches, self._maker, self._ahead = batches, maker, ahead
        self._coming: dict[int, Future[Batch]] = {}
        self.failure: BaseException | None = None

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, number: int) -> Batch:
        ahead = range(number + 1, min(number + 1 + self._ahead, len(self)))
        for each in (number, *ahead):
            if each not in self._coming:
                self._coming[each] = self._maker.submit(self._batches.__getitem__, each)
        made = self._coming.pop(number)
        self.failure = made.exception()
        return made.result()


@contextmanager
def feed(batches: Batches, ahead: int = 2) -> Iterator[Any]:
    """Turn batches into what ``fit`` and ``evaluate`` take best on the current backend, made ahead within the block.

    On TensorFlow that is a ``tf.data`` pipeline, with its autotune thread off: at the end of every
    epoch that thread can hold the process up for seconds.

    Args:
        batches: At least one.
        ahead: How many are made before they are asked for.

    Raises:
        Exception: What making a batch has raised, in place of what a backend makes of it.
    """
    maker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches")
    made = LookAhead(batches, maker, ahead)
    try:
        yield _dataset(made) if keras.backend.backend() == "tensorflow" else made
    except Exception as error:
        if made.failure is None or made.failure is error:
            raise
        raise made.failure from error
    finally:
        maker.shutdown(cancel_futures=True)


def _dataset(batches: LookAhead) -> Any:
    import tensorflow as tf

    signature = tf.nest.map_structure(lambda array: tf.TensorSpec((None, *array.shape[1:]), array.dtype), batches[0])
    options = tf.data.Options()
    options.autotune.enabled = False
    dataset = tf.data.Dataset.from_generator(lambda: iter(batches), output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(batches))).with_options(options)
