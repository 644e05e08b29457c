"""A person's own pictures, made into images such as a model was trained on."""

import warnings
from pathlib import Path
from typing import IO, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from mnist_resnet.errors import UserError
from mnist_resnet.prediction.fitting import NoDigitError, fit_digit

# How a picture becomes an image of a model's size: all of it, or the ink of a digit as in MNIST.
Fit = Literal["whole", "digit"]

# What Pillow decodes by itself or with its bundled libraries; none of these starts another program.
PICTURE_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
# By what Pillow multiplies the levels of 2 and 4 bits.
_STRETCHED = {"L;2": 85, "L;4": 17}


class PictureError(UserError, ValueError):
    """A file that cannot be used as a picture."""


def read_picture(path: Path, size: tuple[int, int], invert: bool = False, fit: Fit = "whole") -> npt.NDArray[np.uint8]:
    """Read a picture as a model's input.

    It is turned as its EXIF orientation says, made grey (ITU-R 601 luma), shrunk or enlarged with its
    proportions kept (Lanczos), and centred; what it does not fill has the median grey of its border.
    A transparent picture is put on black if what shows is bright, else on white. Of an animation,
    the first image counts. A picture of ``size`` that is grey already is returned as it is.

    Args:
        path: A file in one of ``PICTURE_FORMATS``.
        size: (height, width) in pixels.
        invert: Swap dark and bright.
        fit: ``digit`` has the picture fitted by ``fit_digit`` instead, which needs no ``invert``.

    Returns:
        uint8 (height, width), 0 is black.

    Raises:
        PictureError: If the file is missing, no picture, too large, fully transparent, too thin, or has no digit where
            one is to be fitted.
    """
    try:
        return decode_picture(path, size, invert, fit)
    except (PictureError, OSError) as error:
        raise PictureError(f"{path}: {getattr(error, 'strerror', None) or error}") from error


def decode_picture(
    file: Path | IO[bytes], size: tuple[int, int], invert: bool = False, fit: Fit = "whole"
) -> npt.NDArray[np.uint8]:
    """Read a picture that may lie in memory, as ``read_picture`` does.

    Args:
        file: Where the picture is stored, or its content, which can be sought in.
        size: (height, width) in pixels.
        invert: Swap dark and bright.
        fit: See ``read_picture``.

    Returns:
        uint8 (height, width), 0 is black.

    Raises:
        PictureError: If the picture cannot be used; the message does not name it.
        OSError: If the file cannot be read.
    """
    try:
        with warnings.catch_warnings(action="error", category=Image.DecompressionBombWarning):
            grey = _read_grey(file)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise PictureError(f"more than {Image.MAX_IMAGE_PIXELS:,} pixels; shrink or crop it") from error
    except PictureError:
        raise
    except Exception as error:  # of whatever a damaged file makes Pillow stumble over
        if isinstance(error, OSError) and error.errno is not None:  # Pillow's own errors have none
            raise
        formats = ", ".join(PICTURE_FORMATS)
        words = str(error) or type(error).__name__
        said = "" if isinstance(error, UnidentifiedImageError) else f". Pillow says: {words}"  # it has the file's name
        raise PictureError(f"not a whole picture in a format that can be read ({formats}){said}") from error
    if fit == "digit":
        try:
            return fit_digit(np.asarray(grey), size)
        except NoDigitError as error:
            raise PictureError(str(error)) from error
    fitted = _fit(grey, size)
    return 255 - fitted if invert else fitted


def looks_inverted(image: npt.NDArray[np.uint8]) -> bool:
    """Whether an image is dark on bright, unlike MNIST: its border is brighter than the whole.

    Says no for each of the 20,000 test images of MNIST and Fashion-MNIST, and yes for each once inverted.

    Args:
        image: uint8 (height, width).
    """
    return bool(_border_grey(image) > image.mean())


def _read_grey(file: Path | IO[bytes]) -> Image.Image:
    with Image.open(file, formats=PICTURE_FORMATS) as opened:
        stored = next((str(tile.args) for tile in opened.tile), "")  # such as `L;2`; gone once the pixels are read
        picture = _in_eight_bits(ImageOps.exif_transpose(opened), stored)
    if picture.has_transparency_data:
        return _on_contrasting_ground(picture.convert("RGBA"))
    return picture.convert("L")


def _in_eight_bits(picture: Image.Image, stored: str) -> Image.Image:
    """A picture in 8 bits, and with it the colour that is transparent, which Pillow leaves as the file has it."""
    transparent = picture.info.get("transparency")
    if picture.mode.startswith("I;16"):  # which Pillow would clip at 255
        values = np.asarray(picture)
        grey = Image.fromarray((values // 257).astype(np.uint8))
        if transparent is not None:
            grey.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
        return grey
    if transparent is not None and stored in _STRETCHED:
        picture.info["transparency"] = transparent * _STRETCHED[stored]
    elif transparent is not None and stored == "RGB;16B":  # of which Pillow keeps the upper bytes
        picture.info["transparency"] = tuple(value >> 8 for value in transparent)
    return picture


def _on_contrasting_ground(picture: Image.Image) -> Image.Image:
    alpha, grey = picture.getchannel("A"), picture.convert("L")
    opacity = np.asarray(alpha)
    if not opacity.any():
        raise PictureError("every pixel is transparent; there is nothing to see")
    bright = np.average(np.asarray(grey), weights=opacity) > 127
    return Image.composite(grey, Image.new("L", grey.size, 0 if bright else 255), alpha)


def _fit(grey: Image.Image, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    height, width = size
    if grey.size == (width, height):
        return np.asarray(grey)
    if min(grey.size) * min(width / grey.width, height / grey.height) <= 0.5:
        raise PictureError(
            f"{grey.width}×{grey.height} pixels, too thin to be seen at {width}×{height}; crop it to one object"
        )
    ground = int(_border_grey(np.asarray(grey)))
    return np.asarray(ImageOps.pad(grey, (width, height), Image.Resampling.LANCZOS, color=ground))


def _border_grey(image: npt.NDArray[np.uint8]) -> float:
    edges = (image[0], image[-1], image[1:-1, 0], image[1:-1, -1])
    return float(np.median(np.concatenate(edges)))
