"""Pictures become the same images in the browser as in Python."""

from base64 import b64encode
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mnist_resnet.prediction.fitting import fit_digit
from mnist_resnet.prediction.pictures import decode_picture, looks_inverted, read_picture
from tests.integration.demo.conftest import SEVEN, Page

pytestmark = [pytest.mark.integration, pytest.mark.landing]

SPECKS = np.full((600, 600), 250, np.uint8)
SPECKS[3, 5] = SPECKS[590, 580] = 120


def pictures() -> dict[str, np.ndarray]:
    """Pictures of many shapes and kinds."""
    generator = np.random.default_rng(0)
    pictures = {}
    for height, width in ((28, 28), (280, 280), (97, 213), (213, 97), (30, 31), (8, 8), (5, 9), (56, 40), (400, 61)):
        rows, columns = np.indices((height, width)) / np.array([height, width])[:, None, None]
        stroke = 255 * np.exp(-((rows - 0.5 - 0.3 * np.sin(5 * columns)) ** 2) * 90)
        noise = generator.integers(0, 20, (height, width))
        pictures[f"stroke {height} {width}"] = np.clip(stroke + noise, 0, 255).astype(np.uint8)
        pictures[f"ink {height} {width}"] = np.clip(235 - stroke * 0.7 - noise, 0, 255).astype(np.uint8)
        pictures[f"noise {height} {width}"] = generator.integers(0, 256, (height, width), dtype=np.uint8)
    return pictures


@pytest.mark.parametrize("size", [(28, 28), (8, 8), (20, 32)])
def test_pictures_are_fitted_to_the_same_pixels_as_in_python(opened: Page, size: tuple[int, int]) -> None:
    program = """
        const { fitDigit, fitWhole, looksInverted } = await load("fitting.js");
        return given[0].map(({ width, height, pixels }) => {
          const picture = { width, height, grey: Uint8Array.from(atob(pixels), (each) => each.charCodeAt(0)) };
          return [[...fitDigit(picture, given[1])], [...fitWhole(picture, given[1])], looksInverted(picture)];
        });"""
    made = pictures()
    given = [
        {"height": len(each), "width": len(each[0]), "pixels": b64encode(each.tobytes()).decode()}
        for each in made.values()
    ]
    for (name, picture), (digit, whole, inverted) in zip(made.items(), opened.run(program, given, size), strict=True):
        np.testing.assert_array_equal(np.reshape(digit, size), fit_digit(picture, size), name)
        stored = BytesIO()
        Image.fromarray(picture).save(stored, "PNG")
        # Not one rounding more than Pillow's: the sine of a browser may differ in its last digit.
        assert np.abs(np.reshape(whole, size) - decode_picture(stored, size).astype(int)).max() <= 1, name
        assert inverted == looks_inverted(picture), name


def saved(folder: Path, name: str, picture: Image.Image, **options: Any) -> Path:
    picture.save(folder / name, **options)
    return folder / name


def coloured() -> Image.Image:
    stroke = Image.fromarray(pictures()["stroke 97 213"])
    return Image.merge("RGB", [stroke.point(lambda level, part=part: level * part) for part in (1, 0.6, 0.8)])


def turned_by_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


PICTURES: dict[str, Callable[[Path], Path]] = {
    "colours": lambda folder: saved(folder, "a.png", coloured()),
    "grey": lambda folder: saved(folder, "a.bmp", coloured().convert("L")),
    "gif": lambda folder: saved(folder, "a.gif", coloured().convert("L")),
    "sideways": lambda folder: saved(folder, "a.jpg", coloured(), quality=95, exif=turned_by_exif()),
    "webp": lambda folder: saved(folder, "a.webp", coloured(), lossless=True),
    "transparent": lambda folder: saved(
        folder, "a.png", Image.merge("LA", [Image.new("L", (213, 97), 30), coloured().getchannel("R")])
    ),
}


@pytest.mark.parametrize("make", PICTURES.values(), ids=PICTURES)
def test_a_picture_file_is_read_as_kedro_predict_reads_it(opened: Page, make: Callable, tmp_path: Path) -> None:
    path = make(tmp_path)
    opened["file"].send_keys(str(path))
    opened.wait_for("%")
    # Decoders round in their own ways, and canvases hold colours multiplied by their opacity.
    expected = read_picture(path, (28, 28), fit="digit").astype(int)
    assert np.abs(opened.pixels("seen") - expected).max() <= 6
    opened.choose("halves")
    opened.wait_for("%")
    whole = read_picture(path, (8, 8))
    assert opened["invert"].is_selected() == looks_inverted(read_picture(path, (97, 213)))
    shown = 255 - whole if opened["invert"].is_selected() else whole
    assert np.abs(opened.pixels("seen") - shown.astype(int)).max() <= 3


def test_a_picture_that_is_dropped_is_shown_and_answered_and_dark_and_bright_can_be_swapped(opened: Page) -> None:
    opened.choose("halves")
    paper = np.full((40, 40), 255, np.uint8)
    paper[:, 2:18] = 0
    stored = BytesIO()
    Image.fromarray(paper).save(stored, "PNG")
    program = """
        const bytes = Uint8Array.from(atob(given[0]), (each) => each.charCodeAt(0));
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([bytes], "paper.png"));
        document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));"""
    opened.run(program, b64encode(stored.getvalue()).decode())
    assert opened.wait_for("%").startswith("left")
    assert opened["invert"].is_selected()
    opened["invert"].click()
    assert opened.wait_for("right").startswith("right")
    assert opened.pixels("drawing").max() == 255
    opened["invert"].click()
    opened.draw((0.1, 0.5), (0.12, 0.5))
    opened.wait_for("dark")
    assert np.count_nonzero(opened.pixels("drawing")) < 10_000  # the picture has made room


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("notes.txt", b"no picture", "notes.txt is not a picture that this browser can read: choose a PNG, JPEG,"),
        ("cut.png", b"\x89PNG\r\n\x1a\n", "cut.png is not a picture that this browser can read"),
        ("blank.png", np.full((50, 50), 99, np.uint8), "One grey throughout: there is no digit to be seen."),
        ("specks.png", SPECKS, "Too little ink: there is no digit to be seen."),
    ],
)
def test_what_is_no_picture_gets_one_plain_line(opened: Page, tmp_path: Path, name, content, said) -> None:
    opened.draw(*SEVEN)
    opened.wait_for("%")
    if isinstance(content, bytes):
        (tmp_path / name).write_bytes(content)
    else:
        Image.fromarray(content).save(tmp_path / name)
    opened["file"].send_keys(str(tmp_path / name))
    assert opened.wait_for(said).count(".") <= 2
    assert opened.pixels("seen").max() == 0
    opened.draw(*SEVEN)
    opened.wait_for("%")
