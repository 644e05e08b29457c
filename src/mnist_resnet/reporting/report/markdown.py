"""Tables and plain words in Markdown."""

import re
from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of which every row has as many cells as the header."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def plain(text: str) -> str:
    """A text, such as a class's name, of which no character is taken for Markdown."""
    return re.sub(r"([\\`*_{}\[\]<>()#|!~&$])", r"\\\1", text)


def figure(value: float | None) -> str:
    """A figure to four decimals; a dash where there is none."""
    return "–" if value is None else f"{value:.4f}"


def interval(ends: Sequence[float]) -> str:
    """The lower and the upper end of an interval."""
    low, high = ends
    return f"{low:.4f} to {high:.4f}"
