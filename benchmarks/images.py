"""Images that contestants train on or classify: MNIST if it is there, else noise."""

from pathlib import Path

import numpy as np

CLASSES = 10

_FILES = Path(__file__).parents[1] / "data" / "01_raw" / "mnist"
_HEADERS = {"train-images-idx3-ubyte": 16, "train-labels-idx1-ubyte": 8}


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
