"""What the contestants of `training.py` share: arguments, images, epochs, and how they answer."""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

EPOCHS = 2
CLASSES = 10

_FILES = Path(__file__).parents[1] / "data" / "01_raw" / "mnist"
_HEADERS = {"train-images-idx3-ubyte": 16, "train-labels-idx1-ubyte": 8}


def parser(description: str | None) -> argparse.ArgumentParser:
    """The arguments that every contestant takes."""
    arguments = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--images", type=int, default=12_800, help="images in an epoch (default: 12800)")
    arguments.add_argument("--batch-size", type=int, default=256, help="images in a step (default: 256)")
    return arguments


def published(count: int) -> bool:
    """Whether the published MNIST files are here and hold ``count`` training images."""
    images = _FILES / "train-images-idx3-ubyte"
    return images.exists() and images.stat().st_size >= 16 + count * 28 * 28


def raw_images(count: int) -> tuple[np.ndarray, np.ndarray]:
    """uint8 images (count, 28, 28) and labels (count,): the first of MNIST, or noise where MNIST is missing."""
    if not published(count):
        generator = np.random.default_rng(0)
        return generator.integers(256, size=(count, 28, 28), dtype=np.uint8), np.arange(count, dtype=np.uint8) % CLASSES
    images, labels = (np.fromfile(_FILES / name, np.uint8, offset=header) for name, header in _HEADERS.items())
    return images.reshape(-1, 28, 28)[:count], labels[:count]


def prepared_images(count: int) -> tuple[np.ndarray, np.ndarray]:
    """The same images as float32 (count, 32, 32) in 0 to 1, padded with black, and their labels."""
    images, labels = raw_images(count)
    return np.pad(images, ((0, 0), (2, 2), (2, 2))).astype(np.float32) / 255, labels


def answer(epoch_ends: Sequence[float], precision: str) -> None:
    """Print when each epoch ended, by ``time.time``, and the precision, as one line of JSON."""
    print(json.dumps({"epoch_ends": list(epoch_ends), "precision": precision}), flush=True)


class EpochEnds(list[float]):
    """The times at which epochs ended, noted by calling this with anything."""

    def __call__(self, *_: object) -> None:
        """Note that an epoch has ended now."""
        self.append(time.time())
