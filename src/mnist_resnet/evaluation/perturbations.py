"""Changes of images that leave their class as it is, at several strengths.

They follow the corruptions of Hendrycks & Dietterich 2019, "Benchmarking Neural Network Robustness to Common
Corruptions and Perturbations", as far as they make sense for small grey images. They are not those of MNIST-C (Mu &
Gilmer 2019, "MNIST-C: A Robustness Benchmark for Computer Vision"): each says how it differs. Figures are compared
across runs, so a change that does something else to an image gets another name.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_resnet.data.idx import UInt8Array

_WIDTH_OF_MNIST = 28
_DIRECTIONS = ((0, 1), (0, -1), (1, 0), (-1, 0))


@dataclass(frozen=True)
class Perturbation:
    """One kind of change.

    Attributes:
        apply: From uint8 (images, height, width), a strength and a generator to changed images of that shape.
        strengths: From mild to strong.
        unit: What the strengths count; pixels are those of an image 28 pixels wide, and grow with the width.
        change: What is done: "each image is …".
        others: What MNIST-C does instead: "MNIST-C …".
    """

    apply: Callable[[UInt8Array, float, np.random.Generator], UInt8Array]
    strengths: tuple[float, ...]
    unit: str
    change: str
    others: str


def shift(images: UInt8Array, pixels: float, generator: np.random.Generator) -> UInt8Array:
    """Move each image up, down, left or right by chance; black follows."""
    from scipy import ndimage

    distance = _scaled(pixels, images)
    chosen, moved = generator.integers(len(_DIRECTIONS), size=len(images)), np.empty_like(images)
    for number, (down, right) in enumerate(_DIRECTIONS):
        part = chosen == number
        moved[part] = ndimage.shift(images[part], (0, down * distance, right * distance), order=1)
    return moved


def rotate(images: UInt8Array, degrees: float, generator: np.random.Generator) -> UInt8Array:
    """Turn one half of the images to the left and the other to the right; the corners become black."""
    from scipy import ndimage

    left, turned = generator.permutation(len(images)) % 2 == 0, np.empty_like(images)
    for part, angle in ((left, degrees), (~left, -degrees)):
        turned[part] = ndimage.rotate(images[part], angle, axes=(2, 1), reshape=False, order=1)
    return turned


def add_noise(images: UInt8Array, deviation: float, generator: np.random.Generator) -> UInt8Array:
    """Add Gaussian noise to every pixel."""
    return _to_uint8(images + deviation * generator.standard_normal(images.shape, np.float32))


def blur(images: UInt8Array, pixels: float, generator: np.random.Generator) -> UInt8Array:
    """Blur with a Gaussian of this standard deviation."""
    from scipy import ndimage

    sigma = _scaled(pixels, images)
    # In uint8, each of the two passes would cut off fractions.
    return _to_uint8(ndimage.gaussian_filter(images, (0, sigma, sigma), output=np.float32))


def reduce_contrast(images: UInt8Array, factor: float, generator: np.random.Generator) -> UInt8Array:
    """Draw every pixel towards the mean of its image, to this share of its distance."""
    mean = images.mean(axis=(1, 2), keepdims=True, dtype=np.float32)
    return _to_uint8(mean + np.float32(factor) * (images - mean))


def occlude(images: UInt8Array, pixels: float, generator: np.random.Generator) -> UInt8Array:
    """Cover each image by a black square of this side, or as much of it as fits in, at a place chosen by chance."""
    side = round(_scaled(pixels, images))
    covered = [
        _stretch(generator.integers(max(0, length - side), size=len(images), endpoint=True), side, length)
        for length in images.shape[1:]
    ]
    return np.where(covered[0][:, :, np.newaxis] & covered[1][:, np.newaxis, :], np.uint8(0), images)


def _stretch(starts: npt.NDArray[np.int64], side: int, length: int) -> npt.NDArray[np.bool_]:
    places, starts = np.arange(length), starts[:, np.newaxis]
    return (places >= starts) & (places < starts + side)


def _scaled(pixels: float, images: UInt8Array) -> float:
    return float(pixels * images.shape[2] / _WIDTH_OF_MNIST)


def _to_uint8(values: npt.NDArray[np.float32]) -> UInt8Array:
    return np.rint(values).clip(0, 255).astype(np.uint8)


PERTURBATIONS = {
    "shift": Perturbation(
        shift,
        (1, 2, 4),
        "pixels",
        "moved along one axis: up, down, left or right by chance; black follows",
        "`translate` moves along both axes at once, by 3 pixels on each, so by 4.2 in all",
    ),
    "rotation": Perturbation(
        rotate,
        (10, 20, 40),
        "degrees",
        "turned about its middle, half of the images to the left and half to the right; black follows",
        "`rotate` turns by 23 degrees (0.4 radians), left or right by chance",
    ),
    "noise": Perturbation(
        add_noise,
        (16, 32, 64),
        "grey levels, standard deviation",
        "given Gaussian noise at every pixel; what leaves 0 to 255 is cut off",
        "has shot and impulse noise; `gaussian_noise` is in its code only, at 20 to 97 grey levels",
    ),
    "blur": Perturbation(
        blur,
        (0.5, 1, 2),
        "pixels, standard deviation",
        "blurred with a Gaussian",
        "has glass and motion blur; `gaussian_blur` is in its code only, at 1 to 6 pixels",
    ),
    "contrast": Perturbation(
        reduce_contrast,
        (0.6, 0.4, 0.2),
        "of the contrast left",
        "drawn, pixel by pixel, towards the mean of its own grey levels, not towards black or mid-grey",
        "has `brightness` instead; `contrast` is in its code only, the same at 0.4 to 0.05",
    ),
    "occlusion": Perturbation(
        occlude,
        (4, 8, 12),
        "pixels, side of the square",
        "covered by a black square that lies wholly within, at a place chosen by chance",
        "has nothing like it; as Cutout (DeVries & Taylor 2017), whose squares may reach beyond the edge",
    ),
}


def perturb(images: UInt8Array, name: str, strength: float, seed: int) -> UInt8Array:
    """Change images; equal arguments give equal images.

    Directions are the same at every strength. A square lies where all of it fits, so a larger one lies elsewhere.

    Args:
        images: uint8 (images, height, width).
        name: A key of ``PERTURBATIONS``.
        strength: In that perturbation's unit.
        seed: Where all chance comes from, not negative.

    Returns:
        uint8 (images, height, width), newly made.
    """
    generator = np.random.default_rng([seed, *name.encode()])
    return PERTURBATIONS[name].apply(images, strength, generator)
