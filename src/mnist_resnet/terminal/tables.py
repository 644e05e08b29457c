"""Tables on terminals of any width and encoding, and in pipes."""

import shutil
import sys
from typing import Any

from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from mnist_resnet.terminal.streams import nearest_text

_WIDE = 10_000
_ANY_HEIGHT = 25  # without one, rich takes a width of 80 where TERM is dumb


def show(*parts: RenderableType) -> None:
    """Print tables and texts on standard output.

    On a terminal they are as wide as that, else as they are by themselves. A table that does not fit, even with its
    longest words alone on a line, becomes a few lines for each row, so that no figure is cut.

    Args:
        parts: ``rich`` tables, or texts, which are not searched for markup.
    """
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDE
    console = _Console(width=width, height=_ANY_HEIGHT, markup=False, emoji=False, highlight=False)
    unlimited = console.options.update_width(_WIDE)
    for part in parts:
        if isinstance(part, Table) and Measurement.get(console, unlimited, part).minimum > width:
            console.print(_as_records(part))
        else:
            console.print(part)


class _Console(Console):
    """A console that lays out the text that its encoding can show."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Make plain text of what the encoding lacks, before its width is taken."""
        return super().render_str(nearest_text(text, self.encoding), **options)


def _as_records(table: Table) -> Table:
    """The rows of a table, below each other, with the name of the column beside each cell that says something."""
    records = Table("", "", title=table.title, caption=table.caption, box=None, show_header=False, pad_edge=False)
    names = [column.header for column in table.columns]
    rows = list(zip(*(column.cells for column in table.columns), strict=True))
    for place, row in enumerate(rows):
        filled = [(name, cell) for name, cell in zip(names, row, strict=True) if cell]
        for number, (name, cell) in enumerate(filled, start=1):
            records.add_row(name, cell, end_section=number == len(filled))
        if place + 1 < len(rows):
            records.add_row()
    for column in records.columns:
        column.overflow = "fold"
    return records
