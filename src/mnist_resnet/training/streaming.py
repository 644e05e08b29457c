"""Training images that are streamed from shards, in an order that is a pure function of seed and epoch.

The shards are drawn in a random order and divided into windows of up to ``training.shuffle_shards``. A window is in
memory as a whole and its images are shuffled; windows follow each other, and the next one is read meanwhile. If one
window holds all shards, order and augmentation are those of images that are not in shards, bit for bit.
"""

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_resnet.config import TrainingParameters
from mnist_resnet.data.split import Split
from mnist_resnet.storage.shards import Shards
from mnist_resnet.training.augmentation import EpochDraws, draw_epoch
from mnist_resnet.training.batches import Batch, Batches, gathered, training_batches
from mnist_resnet.training.distribution import ALONE, Share

# Of the order of the shards; far from the numbers of windows, which their draws are made from.
_ORDER_OF_SHARDS = 2**32 - 1
_READERS = 4


@dataclass(frozen=True)
class WindowedDraws:
    """Everything random about one epoch of shards; the draws of a window's images are made when it is read.

    Attributes:
        windows: int64 (shards of the window,), rising, for each window in the order in which they are shown.
        epoch: Counted from 0.
        parameters: As for ``draw_epoch``.
    """

    windows: Sequence[npt.NDArray[np.int64]]
    epoch: int
    parameters: TrainingParameters

    def of_window(self, number: int, images: int, image_size: tuple[int, int]) -> EpochDraws:
        """The draws for the images of a window.

        Args:
            number: Of the window, counted from 0.
            images: How many it has.
            image_size: (height, width) in pixels.
        """
        part = 0 if len(self.windows) == 1 else number + 1
        return draw_epoch(images, image_size, self.epoch, self.parameters, part)


Draws = EpochDraws | WindowedDraws


def draws_for(split: Split, epoch: int, parameters: TrainingParameters) -> Draws:
    """Draw one epoch; the same arguments give the same draws.

    Args:
        split: With training images that are an array or shards.
        epoch: Counted from 0.
        parameters: The seed, the number of epochs, what is done to the images, and how many shards are mixed.
    """
    if isinstance(split.train_images, Shards):
        return WindowedDraws(windows_of(len(split.train_images.counts), epoch, parameters), epoch, parameters)
    return draw_epoch(len(split.train_labels), split.train_images.shape[1:], epoch, parameters)


def windows_of(shards: int, epoch: int, parameters: TrainingParameters) -> list[npt.NDArray[np.int64]]:
    """Divide the shards of one epoch among windows, of sizes that differ by one at most.

    Args:
        shards: How many there are.
        epoch: Counted from 0.
        parameters: The seed, and the most shards of a window.
    """
    count = math.ceil(shards / (parameters.shuffle_shards or shards))
    order = np.random.default_rng([parameters.seed, epoch, _ORDER_OF_SHARDS]).permutation(shards)
    return [np.sort(window) for window in np.array_split(order, count)]


@contextmanager
def open_batches(split: Split, draws: Draws, batch_size: int, share: Share = ALONE) -> Iterator[Batches]:
    """The batches of one epoch, within the block; an incomplete last one is left out.

    Args:
        split: Training images, an array or shards, and labels.
        draws: Of the epoch; see ``draws_for``.
        batch_size: Images in a batch.
        share: Which of them this process feeds.

    Raises:
        ShardError: When a batch is asked for, if a shard is missing or damaged.
        AddressError: Likewise, if it cannot be read.
    """
    images, labels = split.train_images, split.train_labels
    if isinstance(draws, EpochDraws):
        yield training_batches(images, labels, draws, batch_size, share)
        return
    assert isinstance(images, Shards)
    with _WindowReader(images, labels, draws) as reader:
        yield Batches(len(labels) // batch_size, lambda number: reader.batch(share.rows(number, batch_size)))


@dataclass(frozen=True)
class _Window:
    """The images of a window in the order of their shards, and their draws."""

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]
    draws: EpochDraws


class _WindowReader:
    """The windows of an epoch, of which one or two are in memory: threads read the next one in advance."""

    def __init__(self, images: Shards, labels: npt.NDArray[np.uint8], draws: WindowedDraws) -> None:
        self._images, self._labels, self._draws = images, labels, draws
        sizes = [sum(images.counts[shard] for shard in window) for window in draws.windows]
        self._starts = np.cumsum([0, *sizes])
        self._coming: dict[int, Future[_Window]] = {}
        self._windows = ThreadPoolExecutor(max_workers=1, thread_name_prefix="window")
        self._shards = ThreadPoolExecutor(max_workers=_READERS, thread_name_prefix="shard")

    def __enter__(self) -> "_WindowReader":
        return self

    def __exit__(self, *_: object) -> None:
        self._shards.shutdown(cancel_futures=True)  # first, so that no window waits for shards that are not begun
        self._windows.shutdown(cancel_futures=True)

    def batch(self, places: slice) -> Batch:
        """The images at some places of the epoch, which may be of several windows."""
        windows = range(self._window_at(places.start), self._window_at(places.stop - 1) + 1)
        parts = [self._part(window, places.start, places.stop) for window in windows]
        inputs = {key: np.concatenate([part[key] for part, _ in parts]) for key in parts[0][0]}
        return inputs, np.concatenate([labels for _, labels in parts])

    def _window_at(self, place: int) -> int:
        return int(np.searchsorted(self._starts, place, side="right")) - 1

    def _part(self, number: int, first: int, end: int) -> Batch:
        """What a window has of the places from ``first`` to before ``end`` of the epoch."""
        window, start = self._window(number), int(self._starts[number])
        chosen = window.draws.order[max(0, first - start) : end - start]
        return gathered(window.images, window.labels, window.draws, chosen)

    def _window(self, number: int) -> _Window:
        wanted = range(number, min(number + 2, len(self._draws.windows)))
        for passed in self._coming.keys() - set(wanted):
            self._coming.pop(passed).cancel()
        for each in wanted:
            if each not in self._coming:
                self._coming[each] = self._windows.submit(self._read, each)
        return self._coming[number].result()

    def _read(self, number: int) -> _Window:
        shards = self._draws.windows[number]
        counts = [self._images.counts[shard] for shard in shards]
        starts = np.cumsum([0, *counts])
        images = np.empty((starts[-1], *self._images.shape[1:]), self._images.dtype)

        def read(place: int) -> None:
            images[starts[place] : starts[place + 1]] = self._images.read(int(shards[place]))

        list(self._shards.map(read, range(len(shards))))
        labels = np.concatenate([self._labels[self._images.part(int(shard))] for shard in shards])
        return _Window(images, labels, self._draws.of_window(number, len(labels), images.shape[1:]))
