import struct
import zlib
from io import BytesIO
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image

from mnist_resnet.errors import UserError
from mnist_resnet.prediction.pictures import PictureError, looks_inverted, read_picture

SIZE = (8, 8)
ORIENTATION = 0x0112


@pytest.fixture
def save(tmp_path):
    """Save pixels, or a Pillow image, under a name whose suffix says the format."""

    def save(picture: np.ndarray | Image.Image, name: str = "picture.png", **options) -> Path:
        image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
        image.save(tmp_path / name, **options)
        return tmp_path / name

    return save


def block(shape: tuple[int, int], ground: int = 0, ink: int = 255) -> np.ndarray:
    """A picture of (height, width) pixels whose inner quarter is of another grey than the rest."""
    height, width = shape
    pixels = np.full(shape, ground, np.uint8)
    pixels[height // 4 : -(height // 4), width // 4 : -(width // 4)] = ink
    return pixels


def rgba(grey: int, alpha: np.ndarray) -> Image.Image:
    return Image.merge("RGBA", [Image.new("L", alpha.shape[::-1], grey)] * 3 + [Image.fromarray(alpha)])


def test_a_grey_picture_of_the_models_size_is_taken_bit_by_bit(save, made_data) -> None:
    image = made_data.arrays["test_images"][0]
    read = read_picture(save(image), SIZE)
    assert (read.dtype, read.shape) == (np.uint8, SIZE)
    np.testing.assert_array_equal(read, image)


@pytest.mark.parametrize(("shape", "inside"), [((16, 32), np.s_[2:6, :]), ((32, 16), np.s_[:, 2:6])])
def test_proportions_are_kept_and_the_picture_is_centred(save, shape, inside) -> None:
    read = read_picture(save(np.full(shape, 255, np.uint8)), SIZE)
    assert (read == 255).all()  # what is beside the picture has the grey of its border

    pixels = np.full(shape, 255, np.uint8)
    pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1] = 0, 0, 0, 0
    read = read_picture(save(pixels), SIZE)
    filled = np.zeros(SIZE, bool)
    filled[inside] = True
    np.testing.assert_array_equal(read > 0, filled)


def test_height_and_width_are_not_confused(save) -> None:
    read = read_picture(save(block((24, 12))), (12, 6))
    assert read.shape == (12, 6)
    assert read[6, 3] > 250
    assert read_picture(save(block((24, 12))), (6, 12)).shape == (6, 12)


def test_a_large_picture_is_averaged_and_a_small_one_enlarged(save) -> None:
    chequered = (np.indices((80, 80)).sum(axis=0) % 2 * 255).astype(np.uint8)
    # Half of the pixels are white; a resampling that skipped pixels would answer 0 or 255.
    assert read_picture(save(chequered), SIZE) == pytest.approx(127.5, abs=3)
    read = read_picture(save(block((4, 4))), SIZE)
    assert (read[0, 0], read[3, 3] > 200) == (0, True)


def test_colours_become_grey_by_their_luma(save) -> None:
    # ITU-R 601: 0.299 red + 0.587 green + 0.114 blue.
    for colour, grey in (((255, 0, 0), 76), ((0, 255, 0), 150), ((0, 0, 255), 29)):
        assert (read_picture(save(Image.new("RGB", (8, 8), colour)), SIZE) == grey).all()


@pytest.mark.parametrize(("ink", "ground"), [(40, 255), (220, 0)])
def test_a_transparent_picture_lies_on_a_ground_that_it_is_seen_on(save, ink, ground) -> None:
    read = read_picture(save(rgba(ink, block(SIZE))), SIZE)
    np.testing.assert_array_equal(read, block(SIZE, ground, ink))


def test_half_transparent_pixels_mix_with_the_ground(save) -> None:
    read = read_picture(save(rgba(0, block(SIZE, ink=128))), SIZE)
    assert read[4, 4] == pytest.approx(127, abs=1)


def test_a_picture_taken_sideways_is_turned(save) -> None:
    pixels = np.zeros(SIZE, np.uint8)
    pixels[:, :4] = 255
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # to be turned a quarter clockwise: left becomes top
    read = read_picture(save(pixels, "photo.jpg", exif=exif, quality=100), SIZE)
    assert read[:3].min() > 250
    assert read[5:].max() < 5


def test_of_an_animation_the_first_image_counts(save) -> None:
    first, second = (Image.new("L", (8, 8), grey) for grey in (200, 10))
    assert (read_picture(save(first, "moving.gif", save_all=True, append_images=[second]), SIZE) == 200).all()


def test_inverting_swaps_dark_and_bright(save) -> None:
    path = save(block((16, 32), ground=250, ink=20))
    np.testing.assert_array_equal(read_picture(path, SIZE, invert=True), 255 - read_picture(path, SIZE))


@pytest.mark.parametrize(
    ("image", "inverted"),
    [
        (block(SIZE), False),
        (block(SIZE, 255, 0), True),
        (block(SIZE, 110, 30), True),  # a photo of paper in the shade
        (block(SIZE, 140, 250), False),
        (np.full(SIZE, 255, np.uint8), False),
    ],
    ids=["bright on black", "dark on white", "dark on grey", "bright on grey", "blank"],
)
def test_a_border_brighter_than_the_picture_looks_inverted(image, inverted) -> None:
    assert looks_inverted(image) is inverted


def test_made_images_do_not_look_inverted_and_do_once_they_are(made_data) -> None:
    images = made_data.arrays["test_images"]
    assert not any(looks_inverted(image) for image in images)
    assert all(looks_inverted(255 - image) for image in images)


def refusal(path: Path) -> str:
    with pytest.raises(PictureError) as refused:
        read_picture(path, SIZE)
    assert isinstance(refused.value, UserError)
    assert str(path) in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(("name", "reason"), [("nowhere.png", "No such file or directory"), (".", "Is a directory")])
def test_what_cannot_be_read_is_named(tmp_path, name, reason) -> None:
    assert refusal(tmp_path / name) == f"{tmp_path / name}: {reason}"


@pytest.mark.parametrize("content", [b"", b"seven", b"\x89PNG\r\n\x1a\n", b"%!PS-Adobe-3.0 EPSF-3.0\n"])
def test_what_is_no_picture_is_refused_with_what_is_read(tmp_path, content) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    assert "PNG, JPEG, WEBP, GIF, BMP" in refusal(path)


@pytest.mark.parametrize("name", ["picture.png", "picture.jpg", "picture.webp", "picture.bmp"])
def test_a_file_cut_short_is_refused(save, name, made_data) -> None:
    path = save(np.tile(made_data.arrays["test_images"][0], (8, 8)), name)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    assert "not a whole picture" in refusal(path)


def png_with_an_empty_profile() -> bytes:
    parts = {"IHDR": struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0), "IDAT": zlib.compress(bytes(72)), "iCCP": b""}
    chunks = ((name.encode(), content) for name, content in (parts | {"IEND": b""}).items())
    written = (
        struct.pack(">I", len(each)) + name + each + struct.pack(">I", zlib.crc32(name + each)) for name, each in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(written)


def jpeg_with_a_width_that_is_text() -> bytes:
    width, turned = struct.pack("<HHI4s", 0x0100, 2, 4, b"abc"), struct.pack("<HHIHH", ORIENTATION, 3, 1, 6, 0)
    directory = b"II*\0\x08\0\0\0" + struct.pack("<H", 2) + width + turned + bytes(4)
    stored = BytesIO()
    Image.new("L", SIZE).save(stored, "JPEG", exif=b"Exif\0\0" + directory)
    return stored.getvalue()


@pytest.mark.parametrize(
    "content", [png_with_an_empty_profile(), jpeg_with_a_width_that_is_text()], ids=["PNG", "JPEG"]
)
def test_a_file_that_pillow_fails_at_in_any_way_is_refused(tmp_path, content) -> None:
    path = tmp_path / "picture"
    path.write_bytes(content)
    assert "Pillow says: " in refusal(path)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("\x1b[2J")])
def test_a_picture_is_refused_whatever_reading_it_raises(save, monkeypatch, error) -> None:
    path = save(block(SIZE))
    monkeypatch.setattr(Image, "open", Mock(side_effect=error))
    assert f"Pillow says: {str(error) or 'MemoryError'}" in refusal(path)


def test_a_format_beyond_those_listed_is_refused_whatever_its_name(save, tmp_path) -> None:
    path = save(block(SIZE), "picture.tiff").rename(tmp_path / "picture.png")
    assert "not a whole picture" in refusal(path)


@pytest.mark.parametrize("pixels", [150, 900], ids=["Pillow would warn", "Pillow would refuse"])
def test_a_huge_picture_is_refused(save, monkeypatch, pixels) -> None:
    path = save(np.zeros((10, pixels // 10), np.uint8))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert "more than 100 pixels; shrink or crop it" in refusal(path)


@pytest.mark.parametrize("shape", [(1, 1000), (1000, 1)])
def test_a_picture_too_thin_to_be_seen_is_refused(save, shape) -> None:
    assert "too thin to be seen at 8×8" in refusal(save(np.zeros(shape, np.uint8)))


def test_a_picture_without_anything_to_see_is_refused(save) -> None:
    assert "every pixel is transparent" in refusal(save(rgba(0, np.zeros(SIZE, np.uint8))))
