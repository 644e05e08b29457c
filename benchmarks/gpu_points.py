"""The points at which contestants of `gpu.py` are measured: sizes of images and batch sizes."""

import argparse
import json
from collections.abc import Callable
from typing import Any, NamedTuple


class Point(NamedTuple):
    """Square images of ``size`` pixels in batches."""

    size: int
    batch_size: int

    @classmethod
    def parse(cls, text: str) -> "Point":
        """From a text such as ``96x256``."""
        size, batch_size = text.split("x")
        return cls(int(size), int(batch_size))


def arguments(description: str | None) -> argparse.ArgumentParser:
    """The arguments that every contestant takes."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=Point.parse, nargs="+", required=True, help="such as 96x256")
    parser.add_argument("--steps", type=int, default=100, help="in an epoch (default: 100)")
    parser.add_argument("--epochs", type=int, default=3, help="that are timed, after one that is not (default: 3)")
    parser.add_argument("--kernels", action="store_true", help="name the kernels that take the most time")
    return parser


def answer(
    asked: argparse.Namespace,
    measure: Callable[[Point, argparse.Namespace], dict[str, Any]],
    describe: Callable[[], dict[str, Any]],
) -> None:
    """Print one line of JSON for each point, as soon as it is measured; a failure is its answer, too."""
    for point in asked.points:
        try:
            measured = measure(point, asked)
        except Exception as error:  # noqa: BLE001 - such as too little memory for this point: the others may do
            measured = {"failed": f"{type(error).__name__}: {error}"[:500]}
        print(json.dumps(point._asdict() | measured | describe()), flush=True)
