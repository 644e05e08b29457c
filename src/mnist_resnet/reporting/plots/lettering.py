"""Titles and class names in any script, drawn by the fonts that this machine has.

Matplotlib's own font has Latin, Greek, Cyrillic, Arabic and some more. What it lacks is looked for in all fonts that
Matplotlib knows; a text that none of them can draw is shown in another form instead of empty boxes.
"""

import logging
import warnings
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

from mnist_resnet.terminal.messages import log_once

logger = logging.getLogger(__name__)

# It has a box for every character there is.
_LAST_RESORT = "Last Resort"


class Lettering(NamedTuple):
    """What is written, and the properties of each Matplotlib text for it."""

    texts: tuple[str, ...]
    properties: dict[str, Any]


def title_lettering(title: str) -> Lettering:
    """A title as it can be drawn: as it is, or with escapes as in Python's strings where no font can."""
    families = _families(title)
    shown = title if families else title.encode("ascii", "backslashreplace").decode()
    return Lettering((shown,), _properties([shown]))


def name_lettering(class_names: Sequence[str]) -> Lettering:
    """Class names as they can be drawn: as they are, or as ``class 3``, counted from 0, where no font can.

    Args:
        class_names: The classes in the order of their indices.
    """
    undrawable = [name for name in class_names if not _families(name)]
    if undrawable:
        log_once(
            logger,
            f"No installed font can draw the class names {', '.join(undrawable)}: pictures show their numbers, "
            "counted from 0. Fonts such as Noto help, once they are installed",
        )
    shown = tuple(f"class {index}" if name in undrawable else name for index, name in enumerate(class_names))
    return Lettering(shown, _properties(shown))


def _properties(texts: Sequence[str]) -> dict[str, Any]:
    families = dict.fromkeys(family for text in texts for family in _families(text) or ())
    return {"fontfamily": list(families), "parse_math": False}  # a dollar sign in a name is no formula


@cache
def _families(text: str) -> tuple[str, ...] | None:
    """The fonts that draw a text together, Matplotlib's own first; None if there are none."""
    import matplotlib

    families = list(matplotlib.rcParams["font.family"])
    if text.isascii() or _draws(text, families):
        return tuple(families)
    families += _fonts_with(text)
    return tuple(families) if _draws(text, families) else None


def _draws(text: str, families: list[str]) -> bool:
    from matplotlib.figure import Figure

    figure = Figure()
    figure.text(0, 0, text, fontfamily=families, parse_math=False)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            figure.draw_without_rendering()
        except RuntimeError:  # a font that FreeType cannot use
            return False
    return not any("missing from" in str(warning.message) for warning in caught)


def _fonts_with(text: str) -> Iterator[str]:
    """Families that have characters which Matplotlib's own font lacks, until all are found."""
    from matplotlib import font_manager

    own = font_manager.get_font(font_manager.findfont(font_manager.FontProperties()))
    lacking = {ord(character) for character in text if not own.get_char_index(ord(character))}
    for entry in sorted(font_manager.fontManager.ttflist, key=lambda entry: (entry.name, entry.fname)):
        if not lacking:
            return
        if entry.style != "normal" or entry.size != "scalable" or entry.name.startswith(_LAST_RESORT):
            continue
        try:
            font = font_manager.get_font(entry.fname)
        except (OSError, RuntimeError):  # removed or damaged since Matplotlib listed it
            continue
        found = {character for character in lacking if font.get_char_index(character)}
        lacking -= found
        if found:
            yield entry.name
