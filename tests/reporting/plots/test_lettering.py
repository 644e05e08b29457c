from pathlib import Path

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager
from matplotlib.text import Text

from mnist_resnet.reporting.plots import confusion_matrix, image_grid, mistakes
from tests.reporting.plots.conftest import texts

# Japanese, Devanagari with a ligature, an emoji of three, and what Matplotlib's own font has.
OWN = ("T-shirt/top", "été", "αβγ", "жук", "نون", "😀", "$\\oops$", "a_b^c\\")
FOREIGN = ("猫", "क्ष", "👨\u200d👩\u200d👧")
NAMES = (*OWN, *FOREIGN)


@pytest.fixture(autouse=True)
def no_other_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with no fonts but Matplotlib's. What a text is drawn by is remembered: each test has its own texts."""
    own = [entry for entry in font_manager.fontManager.ttflist if "mpl-data" in entry.fname]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", own)


def add_font(path: Path, family: str, characters: str) -> None:
    """Make a font that draws each of some characters as a square, and let Matplotlib know it."""
    pen = TTGlyphPen(None)
    for number, corner in enumerate([(0, 0), (0, 700), (700, 700), (700, 0)]):
        (pen.lineTo if number else pen.moveTo)(corner)
    pen.closePath()
    names = [".notdef", *(f"glyph{ord(character)}" for character in characters)]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(character): f"glyph{ord(character)}" for character in characters})
    builder.setupGlyf(dict.fromkeys(names, pen.glyph()))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (800, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": family, "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)
    font_manager.fontManager.addfont(path)


def drawn(names: tuple[str, ...], title: str = "Names") -> list[list[str]]:
    """What can be read in each picture that shows class names."""
    labels = np.arange(len(names), dtype=np.uint8)
    images = np.zeros((len(names), 4, 4), np.uint8)
    answers = np.roll(np.eye(len(names), dtype=np.float32), 1, axis=1)
    return [
        texts(confusion_matrix(np.eye(len(names), dtype=np.int64), names, title)),
        texts(image_grid(images.astype(np.float32), labels, names, title)),
        texts(mistakes(images, labels, answers, names, title)),
    ]


def test_names_that_the_own_font_has_are_drawn_as_they_are():
    for read in drawn(OWN):
        assert all(any(name in text for text in read) for name in OWN)


def test_names_that_no_font_has_are_drawn_as_their_numbers_and_told_once(caplog):
    caplog.set_level("INFO", logger="mnist_resnet")
    confused, shown, mistaken = drawn(NAMES)
    numbers = [f"class {index}" for index in range(len(OWN), len(NAMES))]
    for read in (confused, shown):
        assert {*OWN, *numbers} <= set(read)
        assert not set(FOREIGN) & set(read)
    assert "class 10\ntaken for T-shirt/top (100%)" in mistaken
    (told,) = caplog.messages
    assert f"can draw the class names {', '.join(FOREIGN)}: pictures show their numbers" in told


def test_a_font_of_this_machine_draws_what_the_own_one_lacks(tmp_path, caplog):
    caplog.set_level("INFO", logger="mnist_resnet")
    add_font(tmp_path / "animals.ttf", "Animals", "犬鳥")
    add_font(tmp_path / "deva.ttf", "Deva", "कत\u094d")
    names = ("犬", "鳥 bird", "क्त", "a")
    for read in drawn(names, "鳥犬"):
        assert all(any(name in text for text in read) for name in (*names, "鳥犬"))
    assert caplog.messages == []
    figure = confusion_matrix(np.eye(2, dtype=np.int64), ("犬", "क्त"), "Both")
    (families,) = {tuple(text.get_fontfamily()) for text in figure.findobj(Text) if text.get_text() == "犬"}
    assert families == ("sans-serif", "Animals", "Deva")


@pytest.mark.parametrize(("name", "is_there"), [("魚貝", True), ("馬", False)], ids=["some characters", "gone"])
def test_a_font_for_some_of_the_characters_or_one_that_is_gone_is_not_enough(tmp_path, name, is_there):
    add_font(tmp_path / "first.ttf", f"Font of {name[0]}", name[0])
    if not is_there:
        (tmp_path / "first.ttf").unlink()
    confused, *_ = drawn((name, "b"))
    assert "class 0" in confused


def test_a_title_that_no_font_has_is_escaped():
    assert all("\\u6570\\u5b57 1" in read for read in drawn(("a", "b"), "数字 1"))
