"""What a fixed list of trials varies: seeds and grids, as they are typed, and their product."""

import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from mnist_resnet.config import flatten
from mnist_resnet.sweep.plan import SEED, SweepError, Trial

MOST_TRIALS = 1_000
_SEEDS = re.compile(r"(\d{1,10})(?:-(\d{1,10}))?")


def read_seeds(typed: str) -> tuple[int, ...]:
    """The seeds that ``0-9``, ``0,3,7`` or ``0-2,7`` names, in that order.

    Raises:
        SweepError: If it names none, one twice, or more than ``MOST_TRIALS``.
    """
    ranges = [_seed_range(typed, part.strip()) for part in typed.split(",")]
    _require_few(sum(map(len, ranges)), "--seeds")
    seeds = tuple(itertools.chain.from_iterable(ranges))
    if repeated := _repeated(seeds):
        raise SweepError(f"--seeds: received '{typed}', which names {repeated[0]} twice; name each seed once")
    return seeds


def read_grid(typed: Iterable[str]) -> dict[str, tuple[Any, ...]]:
    """The values of each key that ``key=a,b`` names, as ``kedro run --params key=a`` reads each.

    Args:
        typed: One for each key. A value may be a list: ``mnist.preprocessing.size=[28,28],[32,32]``.

    Raises:
        SweepError: If one has no key or no values, or a key or a value is repeated.
    """
    grid: dict[str, tuple[Any, ...]] = {}
    for each in typed:
        key, values = _grid_line(each)
        if key in grid:
            raise SweepError(f"--grid: received '{key}' twice; list all its values in one --grid")
        if repeated := _repeated(values):
            raise SweepError(f"--grid: received '{each}', which names {repeated[0]!r} twice; name each value once")
        grid[key] = values
    return grid


def product(namespaces: Sequence[str], grid: Mapping[str, Sequence[Any]], seeds: Sequence[int]) -> tuple[Trial, ...]:
    """A trial for each point of a grid and each seed; those that differ only by seed follow each other.

    Args:
        namespaces: The data sets that get each seed.
        grid: The values of each dotted key.
        seeds: Of training; if there are none, the configured seed stays.

    Raises:
        SweepError: If there would be more than ``MOST_TRIALS``.
    """
    seeding = [{f"{name}.{SEED}": seed for name in namespaces} for seed in seeds] or [{}]
    axes = [[{key: value} for value in values] for key, values in grid.items()]
    axes.append(seeding)
    _require_few(math.prod(map(len, axes)), "--grid")
    overrides = ({key: value for part in point for key, value in part.items()} for point in itertools.product(*axes))
    return tuple(Trial(number, each) for number, each in enumerate(overrides))


def _seed_range(typed: str, part: str) -> range:
    found = _SEEDS.fullmatch(part)
    if not found:
        raise SweepError(f"--seeds: received '{typed}'; write whole numbers such as 0-9 or 0,3,7")
    first = int(found[1])
    last = int(found[2] or first)
    if last < first:
        raise SweepError(f"--seeds: received '{typed}', where {part} goes backwards; write {last}-{first}")
    return range(first, last + 1)


def _grid_line(typed: str) -> tuple[str, tuple[Any, ...]]:
    key, equals, values = typed.partition("=")
    if not key.strip() or not equals or not values.strip():
        raise SweepError(f"--grid: received '{typed}'; write key=a,b, such as mnist.training.learning_rate=0.2,0.4")
    try:
        read = OmegaConf.to_container(OmegaConf.from_dotlist([f"{key.strip()}=[{values}]"]))
    except (YAMLError, OmegaConfBaseException) as error:
        raise SweepError(f"--grid: received '{typed}', whose values cannot be read; write key=a,b") from error
    assert isinstance(read, dict)
    ((_, listed),) = flatten({str(name): value for name, value in read.items()}).items()
    return key.strip(), tuple(listed)


def _repeated(values: Sequence[Any]) -> list[Any]:
    return [each for place, each in enumerate(values) if any(_same(each, other) for other in values[:place])]


def _same(first: Any, second: Any) -> bool:
    return type(first) is type(second) and bool(first == second)


def _require_few(count: int, option: str) -> None:
    if count > MOST_TRIALS:
        raise SweepError(f"{option}: asks for {count:,} trials; a sweep has at most {MOST_TRIALS:,}. Name fewer values")
