"""An axis of a picture on which the values of one parameter lie: numbers on a scale, or values side by side."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mnist_resnet.config import as_typed
from mnist_resnet.sweep.outcome_table import shown_value

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LONGEST_LABEL = 20
_LEAST_RATIO_OF_A_LOG_AXIS = 20
_MOST_TICKS = 6


class ParameterAxis:
    """The places of a parameter's values.

    Numbers lie on a scale, which is logarithmic if they were drawn so. Other
    values lie side by side, in the given order.

    Args:
        name: What stands at the axis.
        values: All that are to be shown, at least one; they may be repeated.
        log: Whether they were drawn on a logarithmic scale; if None, whether the greatest is 20 times the least.
    """

    def __init__(self, name: str, values: Sequence[Any], log: bool | None = None) -> None:
        self.name = name
        self._labels = {as_typed(value): shown_value(value) for value in values}
        self.is_numeric = len(self._labels) > 1 and all(map(_is_number, values))
        numbers = sorted({float(value) for value in values}) if self.is_numeric else [0.0]
        spread = numbers[0] > 0 and numbers[-1] >= _LEAST_RATIO_OF_A_LOG_AXIS * numbers[0]
        self.is_log = self.is_numeric and (spread if log is None else log)
        self._numbers = numbers

    def place(self, value: Any) -> float:
        """Where a value lies: the number itself, or how many other values are to its left."""
        return float(value) if self.is_numeric else float(list(self._labels).index(as_typed(value)))

    def height(self, value: Any) -> float:
        """Where a value lies between the least, 0, and the greatest, 1; a single value in the middle."""
        return self._height(self.place(value))

    def label_below(self, axes: "Axes") -> None:
        """Make the horizontal axis of a picture this one."""
        axes.set_xlabel(self.name, fontsize=9, parse_math=False)
        axes.tick_params(axis="x", labelsize=8)
        if not self.is_numeric:
            shown = [_cut(label) for label in self._labels.values()]
            slanted: dict[str, Any] = {"rotation": 30, "ha": "right"} if sum(map(len, shown)) > _LONGEST_LABEL else {}
            axes.set_xticks(range(len(shown)), shown, fontsize=8, parse_math=False, **slanted)
            axes.set_xlim(-0.6, len(shown) - 0.4)
        elif self.is_log:
            axes.set_xscale("log")
        if self.is_numeric and len(self._numbers) <= _MOST_TICKS:
            axes.set_xticks(self._numbers, [shown_value(self._as_typed(number)) for number in self._numbers])
            axes.minorticks_off()

    def ticks(self) -> list[tuple[float, str]]:
        """Heights and labels of what stands at a vertical axis: each value if they are few, else the two ends."""
        if not self.is_numeric:
            return [(self._height(float(place)), _cut(label)) for place, label in enumerate(self._labels.values())]
        few = self._numbers if len(self._numbers) <= _MOST_TICKS else self._ends()
        return [(self.height(number), shown_value(self._as_typed(number))) for number in few]

    def _height(self, place: float) -> float:
        low, high, scaled = (math.log(each) if self.is_log else each for each in (*self._ends(), place))
        return 0.5 if low == high else (scaled - low) / (high - low)

    def _ends(self) -> tuple[float, float]:
        return (self._numbers[0], self._numbers[-1]) if self.is_numeric else (0.0, float(len(self._labels) - 1))

    def _as_typed(self, number: float) -> float:
        """A whole number as it was typed, if all were typed so."""
        return int(number) if all(label.lstrip("-").isdigit() for label in self._labels) else number


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cut(label: str) -> str:
    return label if len(label) <= _LONGEST_LABEL else f"{label[: _LONGEST_LABEL - 1]}…"
