"""The same picture in each mode and depth that a file can have gives what it gives as 8-bit grey."""

import struct
import zlib
from pathlib import Path
from typing import Any

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
    return read_picture(tmp_path / "reference.png", SIZE)


def three(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[..., None], 3, axis=2)


def of_sixteen(values: np.ndarray) -> np.ndarray:
    return values.astype(np.uint16) * 257


PALETTE_OF_LEVELS = bytes(np.repeat(LEVELS, 3))
NUMBERS = GREY // 85

PNG_FILES: dict[str, tuple[tuple[int, int, np.ndarray], dict[str, bytes], np.ndarray, np.ndarray | None]] = {
    "grey 1": ((PNG_GREY, 1, BLACK_AND_WHITE // 255), {}, BLACK_AND_WHITE, None),
    "grey 2": ((PNG_GREY, 2, GREY // 85), {}, GREY, None),
    "grey 4": ((PNG_GREY, 4, GREY // 17), {}, GREY, None),
    "grey 8": ((PNG_GREY, 8, GREY), {}, GREY, None),
    "grey 16": ((PNG_GREY, 16, of_sixteen(GREY)), {}, GREY, None),
    "grey 1, keyed": (
        (PNG_GREY, 1, BLACK_AND_WHITE // 255),
        {"tRNS": b"\0\0"},
        BLACK_AND_WHITE,
        BLACK_AND_WHITE,
    ),
    "grey 2, keyed": ((PNG_GREY, 2, GREY // 85), {"tRNS": struct.pack(">H", KEY // 85)}, GREY, KEYED),
    "grey 4, keyed": ((PNG_GREY, 4, GREY // 17), {"tRNS": struct.pack(">H", KEY // 17)}, GREY, KEYED),
    "grey 8, keyed": ((PNG_GREY, 8, GREY), {"tRNS": struct.pack(">H", KEY)}, GREY, KEYED),
    "grey 16, keyed": ((PNG_GREY, 16, of_sixteen(GREY)), {"tRNS": struct.pack(">H", KEY * 257)}, GREY, KEYED),
    "grey 8 and alpha": ((PNG_GREY_ALPHA, 8, np.dstack([GREY, ALPHA])), {}, GREY, ALPHA),
    "grey 16 and alpha": ((PNG_GREY_ALPHA, 16, of_sixteen(np.dstack([GREY, ALPHA]))), {}, GREY, ALPHA),
    "colour 8": ((PNG_RGB, 8, three(GREY)), {}, GREY, None),
    "colour 16": ((PNG_RGB, 16, of_sixteen(three(GREY))), {}, GREY, None),
    "colour 8, keyed": ((PNG_RGB, 8, three(GREY)), {"tRNS": struct.pack(">3H", *[KEY] * 3)}, GREY, KEYED),
    "colour 16, keyed": (
        (PNG_RGB, 16, of_sixteen(three(GREY))),
        {"tRNS": struct.pack(">3H", *[KEY * 257] * 3)},
        GREY,
        KEYED,
    ),
    "colour 16, keyed by a number of two different bytes": (
        (PNG_RGB, 16, three(GREY).astype(np.uint16) * 256 + 7),
        {"tRNS": struct.pack(">3H", *[KEY * 256 + 7] * 3)},
        GREY,
        KEYED,
    ),
    "grey 16, keyed by one of two that are one in 8 bits": (
        (PNG_GREY, 16, of_sixteen(GREY) + (GREY == 85).astype(np.uint16)),
        {"tRNS": struct.pack(">H", 85 * 257)},
        GREY,
        np.full_like(GREY, 255),
    ),
    "colour 8 and alpha": ((PNG_RGBA, 8, np.dstack([three(GREY), ALPHA])), {}, GREY, ALPHA),
    "colour 16 and alpha": ((PNG_RGBA, 16, of_sixteen(np.dstack([three(GREY), ALPHA]))), {}, GREY, ALPHA),
    "palette 1": (
        (PNG_PALETTE, 1, BLACK_AND_WHITE // 255),
        {"PLTE": bytes([0, 0, 0, 255, 255, 255])},
        BLACK_AND_WHITE,
        None,
    ),
    "palette 2": ((PNG_PALETTE, 2, NUMBERS), {"PLTE": PALETTE_OF_LEVELS}, GREY, None),
    "palette 4": ((PNG_PALETTE, 4, NUMBERS), {"PLTE": PALETTE_OF_LEVELS}, GREY, None),
    "palette 8": ((PNG_PALETTE, 8, NUMBERS), {"PLTE": PALETTE_OF_LEVELS}, GREY, None),
    "palette 2, keyed": (
        (PNG_PALETTE, 2, NUMBERS),
        {"PLTE": PALETTE_OF_LEVELS, "tRNS": bytes([255, 255, 0])},
        GREY,
        KEYED,
    ),
    "palette 8, keyed": (
        (PNG_PALETTE, 8, NUMBERS),
        {"PLTE": PALETTE_OF_LEVELS, "tRNS": bytes([255, 255, 0])},
        GREY,
        KEYED,
    ),
    "palette 4 and alpha": (
        (PNG_PALETTE, 4, NUMBERS),
        {"PLTE": PALETTE_OF_LEVELS, "tRNS": bytes([255, 170, 85])},
        GREY,
        np.array([255, 170, 85, 255], np.uint8)[NUMBERS],
    ),
}


@pytest.mark.parametrize("name", PNG_FILES)
def test_each_kind_and_depth_of_png(tmp_path: Path, name: str) -> None:
    written, chunks, grey, alpha = PNG_FILES[name]
    read = read_picture(png(tmp_path / "picture.png", *written, **chunks), SIZE)
    np.testing.assert_array_equal(read, reference(tmp_path, grey, alpha))


def in_five_bits(grey: np.ndarray) -> np.ndarray:
    return np.rint(grey / 255 * 31).astype(np.uint16)


GREY_32 = GREY.astype(np.uint32) * 0x010101
ALPHA_32 = ALPHA.astype(np.uint32) << 24
BMP_LEVELS = b"".join(bytes([level] * 3 + [0]) for level in LEVELS)
COLOUR_MASKS = (0xFF0000, 0xFF00, 0xFF)
BMP_FILES: dict[str, tuple[tuple[Any, ...], np.ndarray, np.ndarray | None]] = {
    "1": ((1, BLACK_AND_WHITE // 255, (), b"\0\0\0\0\xff\xff\xff\0"), BLACK_AND_WHITE, None),
    "1, white first": ((1, 1 - BLACK_AND_WHITE // 255, (), b"\xff\xff\xff\0\0\0\0\0"), BLACK_AND_WHITE, None),
    "4": ((4, NUMBERS, (), BMP_LEVELS), GREY, None),
    "8": ((8, NUMBERS, (), BMP_LEVELS), GREY, None),
    "16": ((16, in_five_bits(GREY) * 0b00001_00001_00001), GREY, None),
    "16 as 5, 6, 5": (
        (16, in_five_bits(GREY) * 0x801 | np.rint(GREY / 255 * 63).astype(np.uint16) << 5, (0xF800, 0x7E0, 0x1F)),
        GREY,
        None,
    ),
    "32": ((32, GREY_32), GREY, None),
    "32 and alpha": ((32, GREY_32 | ALPHA_32, (*COLOUR_MASKS, 0xFF000000)), GREY, ALPHA),
    "32 without alpha": ((32, GREY_32, COLOUR_MASKS), GREY, None),
}


@pytest.mark.parametrize("name", BMP_FILES)
def test_each_depth_of_bmp(tmp_path: Path, name: str) -> None:
    written, grey, alpha = BMP_FILES[name]
    read = read_picture(bmp(tmp_path / "picture.bmp", *written), SIZE)
    # Five bits hold each level to half a 31st.
    np.testing.assert_allclose(read, reference(tmp_path, grey, alpha), atol=5 if name.startswith("16") else 0)


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
    grey = BLACK_AND_WHITE if mode == "1" else GREY
    large = np.kron(grey, np.ones((8, 8), np.uint8))  # blocks of 8 by 8, which JPEG stores one by one
    opaque = np.where(np.kron(ALPHA, np.ones((8, 8), np.uint8)) > 100, 255, 0).astype(np.uint8)  # a GIF knows no more
    with_alpha = mode in ("LA", "RGBA") and (kind, mode) not in WITHOUT_ALPHA
    picture, path = in_mode(mode, large, opaque), tmp_path / f"picture.{kind.lower()}"
    quality = {"quality": 100} if kind in LOSSY else {}
    picture.save(path, kind, **quality)
    read = read_picture(path, (64, 64))
    Image.merge("LA", [Image.fromarray(large), Image.fromarray(opaque)]).save(tmp_path / "reference.png")
    if not with_alpha:
        Image.fromarray(large).save(tmp_path / "reference.png")
    expected = read_picture(tmp_path / "reference.png", (64, 64))
    np.testing.assert_allclose(read.astype(int), expected.astype(int), atol=LOSSY.get(kind, 1))
