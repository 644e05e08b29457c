"""The space of a search, as a YAML file states it: what each parameter is drawn from."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from mnist_resnet.config import as_typed
from mnist_resnet.errors import UserError
from mnist_resnet.terminal.redaction import in_one_line

_OF_A_RANGE = ("low", "high", "log", "step")
_EXAMPLE = "{low: 0.01, high: 1.0, log: true} or {values: [sgd, adam]}"
_ROUNDING = 1e-9  # of a quotient of two steps


class SpaceError(UserError, ValueError):
    """A file that describes no space to search."""


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both included.

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

    @property
    def size(self) -> float:
        """How many different numbers can be drawn; infinite if any can."""
        return round((self.high - self.low) / self._step) + 1 if self._step else math.inf

    def ends(self) -> tuple[Any, ...]:
        """The least and the greatest number."""
        return tuple(int(end) if self.whole else float(end) for end in (self.low, self.high))

    def nearest(self, number: float) -> Any:
        """The number that can be drawn next to a given one; of those with a step, without errors of rounding."""
        low, high = self.ends()
        return min(max(self._rounded(number), low), high)

    def _rounded(self, number: float) -> Any:
        if self.whole:
            return round(number)
        if not self._step:
            return float(number)
        return float(f"{self.low + round((number - self.low) / self._step) * self._step:.12g}")

    def all_values(self) -> Iterator[Any]:
        """Every number that can be drawn, if ``size`` is finite."""
        yield from (self.nearest(self.low + place * self._step) for place in range(int(self.size)))

    def in_words(self) -> str:
        """The range in a line, such as ``0.01 to 1, logarithmic``."""
        low, high = self.ends()
        words = f"{'whole numbers ' if self.whole else ''}{low:g} to {high:g}"
        return f"{words}{', logarithmic' if self.log else ''}{f' in steps of {self.step:g}' if self.step else ''}"

    @property
    def _step(self) -> float:
        return self.step or (1 if self.whole else 0)


@dataclass(frozen=True)
class Choice:
    """One of some values, of any kind, without an order."""

    values: tuple[Any, ...]

    @property
    def size(self) -> float:
        """How many values there are."""
        return len(self.values)

    def ends(self) -> tuple[Any, ...]:
        """All values."""
        return self.values

    def all_values(self) -> Iterator[Any]:
        """All values."""
        yield from self.values

    def in_words(self) -> str:
        """The values in a line."""
        return ", ".join(map(as_typed, self.values))


Space = Mapping[str, Range | Choice]


def read_space(path: Path, present: Mapping[str, Any]) -> dict[str, Range | Choice]:
    """The space that a file describes.

    Args:
        path: YAML, a mapping of dotted keys to ``{low, high}``, with ``log: true`` or ``step`` if wanted, or to
            ``{values: [...]}``. Numbers are written as in ``conf/``.
        present: The configured values by dotted key. Where one is a fraction, so are the numbers of its range, even if
            both ends are whole.

    Raises:
        SpaceError: If the file cannot be read, or a line of it is of another form; it names the key and the remedy.
    """
    try:
        described = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    except (OSError, UnicodeError, YAMLError, OmegaConfBaseException) as error:
        said = getattr(error, "strerror", None) or in_one_line(error)
        raise SpaceError(f"--space: received '{path}', which cannot be read as YAML: {said}") from error
    if not isinstance(described, dict) or not described:
        raise SpaceError(f"--space: '{path}' states no parameters; write lines such as `key: {_EXAMPLE}`")
    return {str(key): _dimension(str(key), each, present.get(str(key))) for key, each in described.items()}


def points(space: Space) -> float:
    """How many different trials a space has; infinite if a range has no step."""
    return math.prod(dimension.size for dimension in space.values())


def _dimension(key: str, described: Any, present: Any) -> Range | Choice:
    if not isinstance(described, dict):
        raise _refusal(key, described, f"write {_EXAMPLE}")
    if "values" in described:
        _require_known(key, described, ("values",))
        return _choice(key, described["values"])
    _require_known(key, described, _OF_A_RANGE)
    return _range(key, described, fraction=isinstance(present, float))


def _require_known(key: str, described: Mapping[str, Any], known: tuple[str, ...]) -> None:
    if unknown := [name for name in described if name not in known]:
        raise _refusal(f"{key}.{unknown[0]}", described[unknown[0]], f"known beside it: {', '.join(known)}; remove it")


def _choice(key: str, values: Any) -> Choice:
    if not isinstance(values, list) or not values:
        raise _refusal(f"{key}.values", values, "list one or more, such as [sgd, adam]")
    for place, value in enumerate(values):
        if any(value == other and type(value) is type(other) for other in values[:place]):
            raise _refusal(f"{key}.values", values, f"{value!r} is repeated; list each once")
    return Choice(tuple(values))


def _range(key: str, described: Mapping[str, Any], fraction: bool) -> Range:
    low, high = (_number(f"{key}.{name}", described.get(name)) for name in ("low", "high"))
    step = None if described.get("step") is None else _number(f"{key}.step", described["step"])
    log = described.get("log", False)
    whole = not fraction and all(isinstance(each, int) for each in (low, high, step or 1))
    if not isinstance(log, bool):
        raise _refusal(f"{key}.log", log, "write true or false")
    if low >= high:
        raise _refusal(f"{key}.low", low, f"choose less than high, {high}")
    if log and low <= 0:
        raise _refusal(f"{key}.low", low, "a logarithmic range begins above 0")
    if step is not None:
        _check_step(key, (low, high), step, log)
    return Range(low, high, log, step, whole)


def _check_step(key: str, ends: tuple[float, float], step: float, log: bool) -> None:
    if log:
        raise _refusal(f"{key}.step", step, "a logarithmic range has no steps; leave out one of the two")
    steps = (ends[1] - ends[0]) / step if step > 0 else 0
    if steps < 1 or abs(steps - round(steps)) > _ROUNDING * steps:
        raise _refusal(f"{key}.step", step, f"whole steps must lead from low, {ends[0]}, to high, {ends[1]}")


def _number(key: str, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _refusal(key, value, "write a number")
    return value


def _refusal(key: str, value: Any, remedy: str) -> SpaceError:
    return SpaceError(f"--space: {key}: received {value!r}; {remedy}")
