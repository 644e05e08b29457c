"""Measurements of contestants that take turns, each in a process of its own."""

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
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


class Measured(Protocol):
    """One process, as far as every benchmark knows it."""

    @property
    def images_per_second(self) -> float:
        """Its speed."""


Measurement = TypeVar("Measurement", bound=Measured)


@dataclass(frozen=True)
class Results(Generic[Measurement]):
    """Measurements by batch size and contestant, round by round."""

    measurements: dict[tuple[int, str], list[Measurement]] = field(default_factory=lambda: defaultdict(list))

    def speeds(self, batch_size: int, name: str) -> list[float]:
        """Images a second, round by round."""
        return [each.images_per_second for each in self.measurements.get((batch_size, name), [])]

    def ratios(self, batch_size: int, name: str, to: str) -> list[float]:
        """Speed of ``name`` over that of ``to``, round by round."""
        pairs = zip(self.speeds(batch_size, name), self.speeds(batch_size, to), strict=True)
        return [speed / other for speed, other in pairs]


def last_line(command: Sequence[str | Path]) -> Any:
    """What a program answers, as JSON, in the last line that it prints."""
    answered = subprocess.run([str(part) for part in command], capture_output=True, encoding="utf-8", check=False)
    if answered.returncode != 0:
        raise RuntimeError((answered.stderr.strip() or f"exit status {answered.returncode}").splitlines()[-1])
    return json.loads(answered.stdout.splitlines()[-1])


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
    return f"{median(ratios):.2f} ({spread(ratios, 2)})"


def verdict(what: str, target: float, ratios: Sequence[float]) -> str:
    """A line that says whether the median ratio reaches a target."""
    if not ratios:
        return f"- at least {target}× {what}: not measured"
    return f"- at least {target}× {what}: {'reached' if median(ratios) >= target else 'missed'}, {median(ratios):.3f}×"
