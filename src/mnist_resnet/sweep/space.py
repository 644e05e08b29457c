"""The space of a search: what each parameter is drawn from."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both included; of whole ones, ``whole`` is true.

    Attributes:
        low: The least.
        high: The most.
        log: Whether a number is drawn evenly on a logarithmic scale.
        step: Between two numbers that can be drawn; None: whole numbers, or any.
        whole: Whether only whole numbers are drawn.
    """

    low: float
    high: float
    log: bool
    step: float | None
    whole: bool


@dataclass(frozen=True)
class Choice:
    """One of some values, of any kind, without an order."""

    values: tuple[Any, ...]
