"""Measurements of contestants that take turns, each in a process of its own."""

import json
import re
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, Generic, Protocol, TypeVar


@dataclass(frozen=True)
class Contestant:
    """Who takes part: a name, how it is started, and the reason if it cannot be."""

    name: str
    command: Sequence[str | Path]
    missing: str | None = None


# Seconds for one measurement; without kernels for a precision it may take hours.
LIMIT = 900.0


class Measured(Protocol):
    """One process, as far as every benchmark knows it."""

    @property
    def images_per_second(self) -> float:
        """Its speed."""

    def in_words(self) -> str:
        """All figures in one line."""


Measurement = TypeVar("Measurement", bound=Measured)


@dataclass(frozen=True)
class Results(Generic[Measurement]):
    """Measurements by batch size and contestant, round by round."""

    measurements: dict[tuple[int, str], list[Measurement]] = field(default_factory=lambda: defaultdict(list))
    _failures: dict[tuple[int, str], str] = field(default_factory=dict)

    def leave_out(self, batch_size: int, name: str, reason: str) -> None:
        """Drop what a contestant has done at a batch size, and measure it there no more."""
        self.measurements.pop((batch_size, name), None)
        self._failures[batch_size, name] = reason

    def obstacle(self, batch_size: int, contestant: Contestant) -> str | None:
        """Why a contestant is not measured at a batch size, as far as is known."""
        return contestant.missing or self._failures.get((batch_size, contestant.name))

    def speeds(self, batch_size: int, name: str) -> list[float]:
        """Images a second, round by round."""
        return [each.images_per_second for each in self.measurements.get((batch_size, name), [])]

    def ratios(self, batch_size: int, name: str, to: str) -> list[float]:
        """Speed of ``name`` over that of ``to``, round by round; empty if either has not been measured."""
        speeds, others = self.speeds(batch_size, name), self.speeds(batch_size, to)
        if not speeds or not others:
            return []
        return [speed / other for speed, other in zip(speeds, others, strict=True)]


def take_turns(
    everyone: Sequence[Contestant],
    batch_sizes: Sequence[int],
    measure: Callable[[Contestant, int], Measurement],
    results: Results[Measurement],
) -> None:
    """Measure each contestant once at each batch size, and say on the error stream what came of it.

    One that fails is left out at that batch size, in this round and all others, and the rest go on.
    """
    for batch_size in batch_sizes:
        for contestant in everyone:
            if results.obstacle(batch_size, contestant):
                continue
            try:
                measured = measure(contestant, batch_size)
            except (OSError, RuntimeError) as error:
                results.leave_out(batch_size, contestant.name, str(error))
                words = f"left out: {error}"
            else:
                results.measurements[batch_size, contestant.name].append(measured)
                words = measured.in_words()
            print(f"batch size {batch_size}, {contestant.name}: {words}", file=sys.stderr, flush=True)


def last_line(command: Sequence[str | Path], limit: float | None = None) -> Any:
    """What a program answers, as JSON, in the last line that it prints.

    Args:
        command: The program and its arguments.
        limit: Seconds after which it is ended; None if it may take whatever it needs.

    Raises:
        RuntimeError: If it fails, with the error that it ended with, answers nothing, or reaches the limit.
    """
    words = [str(part) for part in command]
    try:
        answered = subprocess.run(words, capture_output=True, encoding="utf-8", check=False, timeout=limit)
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"not done after {limit:g} s") from error
    if answered.returncode < 0:
        raise RuntimeError(f"it was ended by {signal.Signals(-answered.returncode).name}")
    if answered.returncode > 0:
        raise RuntimeError(_error(answered.stderr) or f"exit status {answered.returncode}")
    if not answered.stdout.strip():
        raise RuntimeError("it answered nothing")
    return json.loads(answered.stdout.splitlines()[-1])


def _error(said: str) -> str:
    """The line that names the error: that of a traceback, behind which PyTorch gives advice, or the last one.

    OpenVINO names places first, in lines that end with a colon, and the reason behind them.
    """
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    named = [place for place, line in enumerate(lines) if re.match(r"[\w.]+(Error|Exception): ", line)]
    behind = lines[named[-1] :] if named else lines[-1:]
    return next((line for line in behind if not line.endswith(":")), "".join(behind[-1:]))


def describe(*packages: str) -> None:
    """Print, as one line of JSON, this interpreter and the versions of the packages that it has."""
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    print(json.dumps({"python": sys.executable, "versions": versions}))


def find_interpreter(start: Sequence[str | Path], script: Path) -> dict[str, str]:
    """The interpreter that ``start`` gives to a script and its versions, or the ``reason`` why there is none."""
    try:
        found: dict[str, str] = last_line([*start, script, "--describe"])
    except (OSError, RuntimeError) as error:
        return {"reason": str(error)}
    return found


def spread(values: Sequence[float], digits: int) -> str:
    """Least and most."""
    return f"{min(values):,.{digits}f}–{max(values):,.{digits}f}"


def median_and_spread(ratios: Sequence[float]) -> str:
    """Of ratios, as a cell of a table."""
    if not ratios:
        return "–"
    return f"{median(ratios):.2f} ({spread(ratios, 2)})"


def verdict(what: str, target: float, ratios: Sequence[float]) -> str:
    """A line that says whether the median ratio reaches a target."""
    if not ratios:
        return f"- at least {target}× {what}: not measured"
    return f"- at least {target}× {what}: {'reached' if median(ratios) >= target else 'missed'}, {median(ratios):.3f}×"
