"""Progress of long work: a live line on a terminal, elsewhere a plain line at the start and then now and then."""

import logging
import math
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 10.0
# In columns; a live line that has less would cut figures off.
_LEAST_WIDTH, _WIDTH_WITH_A_BAR = 80, 120


class Advance(Protocol):
    """How work says that it gets on."""

    def __call__(self, amount: float, detail: str = "") -> None:
        """Say that ``amount`` more is done; ``detail`` is shown beside the count."""


@contextmanager
def progress(description: str, total: float, unit: str) -> Iterator[Advance]:
    """Show how far a piece of work is, how fast it goes and how long it will take.

    Args:
        description: What is being done.
        total: How much there is to do, in ``unit``.
        unit: What is counted, such as ``images`` or ``MB``.

    Yields:
        A function to call as work gets done.
    """
    width = _terminal_width()
    live = width >= _LEAST_WIDTH
    with _live(description, total, unit, width) if live else _lines(description, total, unit) as advance:
        yield advance


def _terminal_width() -> int:
    """The columns of a terminal on which a line can be written over; 0 if there is none."""
    if not sys.stderr.isatty() or os.environ.get("TERM", "").lower() in ("dumb", "unknown"):
        return 0
    columns = 0
    if "COLUMNS" not in os.environ:
        with suppress(OSError):  # of this stream; standard output, which shutil asks, may be a file
            columns = os.get_terminal_size(sys.stderr.fileno()).columns
    return columns or shutil.get_terminal_size().columns


@contextmanager
def _live(description: str, total: float, unit: str, width: int) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.table import Column

    columns = (
        TextColumn("{task.description}"),
        *([BarColumn()] if width >= _WIDTH_WITH_A_BAR else []),
        TextColumn(f"{{task.completed:,.0f}}/{{task.total:,.0f}} {unit}"),
        TextColumn("{task.fields[detail]}", table_column=Column(overflow="fold")),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True, width=width), transient=True) as bars:
        task = bars.add_task(description, total=total, detail="")

        def advance(amount: float, detail: str = "") -> None:
            bars.update(task, advance=amount, detail=detail)

        yield advance


@contextmanager
def _lines(description: str, total: float, unit: str) -> Iterator[Advance]:
    started = time.perf_counter()
    done, last_line = 0.0, -math.inf

    def advance(amount: float, detail: str = "") -> None:
        nonlocal done, last_line
        done += amount
        now = time.perf_counter()
        if now - last_line >= SECONDS_BETWEEN_LINES:
            last_line = now
            remaining = (now - started) * (total / done - 1) if done else math.nan
            shown = [f"{done:,.0f}/{total:,.0f} {unit}", detail, f"{remaining:,.0f} s left"]
            logger.info("%s: %s", description, ", ".join(filter(None, shown)))

    yield advance
