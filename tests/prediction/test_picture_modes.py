"""The same picture in each mode and depth that a file can have gives what it gives as 8-bit grey."""

import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from mnist_resnet.prediction.pictures import read_picture

SIZE = (8, 8)
# Levels that 2, 4, 8 and 16 bits hold exactly; one of them is the transparent one where a file names one.
LEVELS = np.array([0, 85, 170, 255], np.uint8)
KEY = 170
GREY = LEVELS[np.add.outer(np.arange(8) // 2, np.arange(8) // 3) % 4]
ALPHA = LEVELS[np.add.outer(np.arange(8) // 3, np.arange(8) // 4) % 4]
KEYED = np.where(GREY == KEY, 0, 255).astype(np.uint8)
BLACK_AND_WHITE = np.where(GREY > 127, 255, 0).astype(np.uint8)

# PNG's kinds of pixels; see its specification, 11.2.1.
PNG_GREY, PNG_RGB, PNG_PALETTE, PNG_GREY_ALPHA, PNG_RGBA = 0, 2, 3, 4, 6


def png(path: Path, kind: int, depth: int, samples: np.ndarray, **chunks: bytes) -> Path:
    """Write a PNG file of (8, 8, samples of a pixel), of a kind that Pillow writes or not."""
    rows = samples.reshape(8, -1)
    if depth == 16:
        lines = [row.astype(">u2").tobytes() for row in rows]
    else:
        bits = (rows[..., None] >> np.arange(depth - 1, -1, -1)) & 1
        lines = [np.packbits(row.reshape(-1)).tobytes() for row in bits.astype(np.uint8)]
    header = struct.pack(">IIBBBBB", 8, 8, depth, kind, 0, 0, 0)
    content = zlib.compress(b"".join(b"\0" + line for line in lines))
    parts = {"IHDR": header, **chunks, "IDAT": content, "IEND": b""}
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name.encode(), each) for name, each in parts.items()))
    return path


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def bmp(path: Path, bits: int, samples: np.ndarray, masks: tuple[int, ...] = (), palette: bytes = b"") -> Path:
    """Write a BMP file; ``samples`` are the pixels as numbers of so many bits."""
    header_size = 124 if masks else 40
    compression = 3 if masks else 0
    if bits < 8:
        planes = (samples[..., None] >> np.arange(bits - 1, -1, -1)) & 1
        rows = [np.packbits(row.reshape(-1)).tobytes() for row in planes.astype(np.uint8)]
    else:
        rows = [row.astype({8: "<u1", 16: "<u2", 32: "<u4"}[bits]).tobytes() for row in samples]
    content = b"".join(row + b"\0" * (-len(row) % 4) for row in reversed(rows))
    offset = 14 + header_size + len(palette)
    header = struct.pack(
        "<IiiHHIIiiII", header_size, 8, 8, 1, bits, compression, len(content), 0, 0, len(palette) // 4, 0
    )
    header += struct.pack("<4I", *(*masks, 0)[:4]) if masks else b""
    header += b"\0" * (header_size - len(header))
    path.write_bytes(b"BM" + struct.pack("<IHHI", offset + len(content), 0, 0, offset) + header + palette + content)
    return path


def reference(tmp_path: Path, grey: np.ndarray, alpha: np.ndarray | None = None) -> np.ndarray:
    """What the picture gives as 8-bit grey, with alpha if it has one."""
    bands = [Image.fromarray(band) for band in (grey, alpha) if band is not None]
    Image.merge("LA" if alpha is not None else "L", bands).save(tmp_path / "reference.png")
    return read_picture(tmp_path / "reference.png", grey.shape)


def three(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[..., None], 3, axis=2)


def of_sixteen(values: np.ndarray) -> np.ndarray:
    return values.astype(np.uint16) * 257


class Png(NamedTuple):
    """The arguments of ``png``, and the picture that the file holds as 8-bit grey."""

    kind: int
    depth: int
    samples: np.ndarray
    chunks: Mapping[str, bytes] = MappingProxyType({})
    alpha: np.ndarray | None = None
    grey: np.ndarray = GREY


def keyed(*sample: int) -> dict[str, bytes]:
    """The colour of this sample is transparent."""
    return {"tRNS": struct.pack(f">{len(sample)}H", *sample)}


LEVEL_PALETTE, NUMBERS = {"PLTE": bytes(np.repeat(LEVELS, 3))}, GREY // 85
BITS, WHITE = BLACK_AND_WHITE // 255, np.full_like(GREY, 255)
COLOUR, COLOUR_16, ODD_16 = three(GREY), of_sixteen(three(GREY)), three(GREY).astype(np.uint16) * 256 + 7
KEYED_NUMBERS, SHARES = LEVEL_PALETTE | {"tRNS": bytes([255, 255, 0])}, bytes([255, 170, 85])
PNG_FILES = {
    "grey 1": Png(PNG_GREY, 1, BITS, grey=BLACK_AND_WHITE),
    "grey 2": Png(PNG_GREY, 2, NUMBERS),
    "grey 4": Png(PNG_GREY, 4, GREY // 17),
    "grey 8": Png(PNG_GREY, 8, GREY),
    "grey 16": Png(PNG_GREY, 16, of_sixteen(GREY)),
    "grey 1, keyed": Png(PNG_GREY, 1, BITS, keyed(0), BLACK_AND_WHITE, BLACK_AND_WHITE),
    "grey 2, keyed": Png(PNG_GREY, 2, NUMBERS, keyed(KEY // 85), KEYED),
    "grey 4, keyed": Png(PNG_GREY, 4, GREY // 17, keyed(KEY // 17), KEYED),
    "grey 8, keyed": Png(PNG_GREY, 8, GREY, keyed(KEY), KEYED),
    "grey 16, keyed": Png(PNG_GREY, 16, of_sixteen(GREY), keyed(KEY * 257), KEYED),
    "grey 16, keyed by one of two that are one in 8 bits": Png(
        PNG_GREY, 16, of_sixteen(GREY) + (GREY == 85).astype(np.uint16), keyed(85 * 257), WHITE
    ),
    "grey 8 and alpha": Png(PNG_GREY_ALPHA, 8, np.dstack([GREY, ALPHA]), alpha=ALPHA),
    "grey 16 and alpha": Png(PNG_GREY_ALPHA, 16, of_sixteen(np.dstack([GREY, ALPHA])), alpha=ALPHA),
    "colour 8": Png(PNG_RGB, 8, COLOUR),
    "colour 16": Png(PNG_RGB, 16, COLOUR_16),
    "colour 8, keyed": Png(PNG_RGB, 8, COLOUR, keyed(*[KEY] * 3), KEYED),
    "colour 16, keyed": Png(PNG_RGB, 16, COLOUR_16, keyed(*[KEY * 257] * 3), KEYED),
    "colour 16, keyed by two different bytes": Png(PNG_RGB, 16, ODD_16, keyed(*[KEY * 256 + 7] * 3), KEYED),
    "colour 8 and alpha": Png(PNG_RGBA, 8, np.dstack([COLOUR, ALPHA]), alpha=ALPHA),
    "colour 16 and alpha": Png(PNG_RGBA, 16, of_sixteen(np.dstack([COLOUR, ALPHA])), alpha=ALPHA),
    "palette 1": Png(PNG_PALETTE, 1, BITS, {"PLTE": bytes([0, 0, 0, 255, 255, 255])}, grey=BLACK_AND_WHITE),
    "palette 2": Png(PNG_PALETTE, 2, NUMBERS, LEVEL_PALETTE),
    "palette 4": Png(PNG_PALETTE, 4, NUMBERS, LEVEL_PALETTE),
    "palette 8": Png(PNG_PALETTE, 8, NUMBERS, LEVEL_PALETTE),
    "palette 2, keyed": Png(PNG_PALETTE, 2, NUMBERS, KEYED_NUMBERS, KEYED),
    "palette 8, keyed": Png(PNG_PALETTE, 8, NUMBERS, KEYED_NUMBERS, KEYED),
    "palette 4 and alpha": Png(
        PNG_PALETTE, 4, NUMBERS, LEVEL_PALETTE | {"tRNS": SHARES}, np.array([*SHARES, 255], np.uint8)[NUMBERS]
    ),
}


@pytest.mark.parametrize("made", PNG_FILES.values(), ids=PNG_FILES)
def test_each_kind_and_depth_of_png(tmp_path: Path, made: Png) -> None:
    path = png(tmp_path / "picture.png", made.kind, made.depth, made.samples, **made.chunks)
    np.testing.assert_array_equal(read_picture(path, SIZE), reference(tmp_path, made.grey, made.alpha))


class Bmp(NamedTuple):
    """The arguments of ``bmp``, and the picture that the file holds as 8-bit grey."""

    bits: int
    samples: np.ndarray
    masks: tuple[int, ...] = ()
    palette: bytes = b""
    alpha: np.ndarray | None = None
    grey: np.ndarray = GREY


FIVE_BITS, SIX_BITS = (np.rint(GREY / 255 * most).astype(np.uint16) for most in (31, 63))
GREY_32, ALPHA_32 = GREY.astype(np.uint32) * 0x010101, ALPHA.astype(np.uint32) << 24
BMP_LEVELS = b"".join(bytes([level] * 3 + [0]) for level in LEVELS)
COLOUR_MASKS = (0xFF0000, 0xFF00, 0xFF)
BMP_FILES = {
    "1": Bmp(1, BITS, palette=b"\0\0\0\0\xff\xff\xff\0", grey=BLACK_AND_WHITE),
    "1, white first": Bmp(1, 1 - BITS, palette=b"\xff\xff\xff\0\0\0\0\0", grey=BLACK_AND_WHITE),
    "4": Bmp(4, NUMBERS, palette=BMP_LEVELS),
    "8": Bmp(8, NUMBERS, palette=BMP_LEVELS),
    "16": Bmp(16, FIVE_BITS * 0b00001_00001_00001),
    "16 as 5, 6, 5": Bmp(16, FIVE_BITS * 0x801 | SIX_BITS << 5, (0xF800, 0x7E0, 0x1F)),
    "32": Bmp(32, GREY_32),
    "32 and alpha": Bmp(32, GREY_32 | ALPHA_32, (*COLOUR_MASKS, 0xFF000000), alpha=ALPHA),
    "32 without alpha": Bmp(32, GREY_32, COLOUR_MASKS),
}


@pytest.mark.parametrize("made", BMP_FILES.values(), ids=BMP_FILES)
def test_each_depth_of_bmp(tmp_path: Path, made: Bmp) -> None:
    read = read_picture(bmp(tmp_path / "picture.bmp", made.bits, made.samples, made.masks, made.palette), SIZE)
    # Five bits hold each level to half a 31st.
    np.testing.assert_allclose(read, reference(tmp_path, made.grey, made.alpha), atol=5 if made.bits == 16 else 0)


def in_mode(mode: str, grey: np.ndarray, alpha: np.ndarray) -> Image.Image:
    """A grey picture in one of Pillow's modes."""
    plain, opacity = Image.fromarray(grey), Image.fromarray(alpha)
    colour = plain.convert("RGB")
    match mode:
        case "LA":
            return Image.merge("LA", [plain, opacity])
        case "RGBA":
            return Image.merge("RGBA", [*colour.split(), opacity])
        case "I;16":
            return Image.fromarray(of_sixteen(grey))
        case "CMYK":
            return Image.merge("CMYK", [Image.new("L", plain.size)] * 3 + [Image.fromarray(255 - grey)])
        case "P":
            return plain.convert("P")
        case "1":
            return Image.fromarray(grey > 127)
        case _:
            return colour.convert(mode)


LOSSY = {"JPEG": 12, "WEBP": 12}
# What Pillow 13 writes. Of arrays of int32 and float32 it writes none in these formats, or makes 8 bits of them itself.
WRITABLE = {
    "PNG": ("1", "L", "LA", "I;16", "P", "RGB", "RGBA"),
    "JPEG": ("1", "L", "RGB", "CMYK", "YCbCr"),
    "WEBP": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV"),
    "GIF": ("1", "L", "LA", "P", "RGB", "RGBA"),
    "BMP": ("1", "L", "P", "RGB", "RGBA"),
}
# Pillow leaves the alpha out, or writes it where the format has a byte without a meaning.
WITHOUT_ALPHA = {("GIF", "LA"), ("BMP", "RGBA")}


@pytest.mark.parametrize(("kind", "mode"), [(kind, mode) for kind, modes in WRITABLE.items() for mode in modes])
def test_each_mode_that_pillow_writes_in_each_format(tmp_path: Path, kind: str, mode: str) -> None:
    square = np.ones((8, 8), np.uint8)  # which JPEG stores by itself
    grey, alpha = (np.kron(each, square) for each in (BLACK_AND_WHITE if mode == "1" else GREY, ALPHA))
    opaque = np.where(alpha > 100, 255, 0).astype(np.uint8)  # a GIF knows no more
    with_alpha = mode in ("LA", "RGBA") and (kind, mode) not in WITHOUT_ALPHA
    path = tmp_path / f"picture.{kind.lower()}"
    in_mode(mode, grey, opaque).save(path, kind, **({"quality": 100} if kind in LOSSY else {}))
    expected = reference(tmp_path, grey, opaque if with_alpha else None)
    difference = read_picture(path, (64, 64)).astype(int) - expected
    assert np.abs(difference).max() <= LOSSY.get(kind, 1)
