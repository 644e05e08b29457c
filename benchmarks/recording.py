"""The cost of recording: the share of a run that is spent in provenance and tracking.

    .venv/bin/python benchmarks/recording.py --env smoke --namespaces mnist
    .venv/bin/python benchmarks/recording.py

The run is an ordinary one in this project and this process, so the second takes as long as `make training`. What is
timed is every call of a method of these two that neither of them makes, by the wall clock. The data must be
there already.
"""

import argparse
import functools
import inspect
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hardware import describe_machine
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

PROJECT = Path(__file__).parents[1]
SHOWN = 5


class Clock:
    """Seconds spent in the methods of classes, by class and method; of nested calls the outermost counts."""

    def __init__(self) -> None:
        self.seconds: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        self._inside = False

    def time_methods(self, kind: type) -> None:
        """Put a timed method in the place of each that a class defines."""
        for name, method in list(vars(kind).items()):
            if inspect.isfunction(method):
                setattr(kind, name, self._timed(kind.__name__, name, method))

    def _timed(self, kind: str, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def timed(*arguments: Any, **options: Any) -> Any:
            if self._inside:
                return method(*arguments, **options)
            self._inside, started = True, time.perf_counter()
            try:
                return method(*arguments, **options)
            finally:
                self.seconds[kind][name] += time.perf_counter() - started
                self._inside = False

        return timed


def seconds_of_run(env: str | None, namespaces: list[str]) -> float:
    """The wall-clock time of a run of all pipelines, from its session to its end."""
    params = {"tracking": {"experiment": "recording"}}
    started = time.perf_counter()
    with KedroSession.create(PROJECT, env=env, runtime_params=params, save_on_close=False) as session:
        session.run(pipeline_names=["training"], namespaces=namespaces or None)
    return time.perf_counter() - started


def main() -> None:
    """Print the table for docs/results.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", help="the recipe (default: base)")
    parser.add_argument("--namespaces", default="", help="the data sets (default: all)")
    asked = parser.parse_args()
    bootstrap_project(PROJECT)
    from mnist_resnet.hooks.provenance import ProvenanceRecord
    from mnist_resnet.hooks.tracking import Tracking

    clock = Clock()
    for kind in (ProvenanceRecord, Tracking):
        clock.time_methods(kind)
    whole = seconds_of_run(asked.env, list(filter(None, asked.namespaces.split(","))))
    what = f"`{asked.env or 'base'}`, {asked.namespaces or 'all data sets'}"
    print(f"\n{describe_machine()}; {what}: {whole:.1f} s in all; n = 1\n")
    print("| what | seconds | share of the run | most of it in |\n| --- | --- | --- | --- |")
    for kind_name, spent in clock.seconds.items():
        total = sum(spent.values())
        longest = sorted(spent.items(), key=lambda item: -item[1])[:SHOWN]
        listed = ", ".join(f"`{name}` {seconds:.2f} s" for name, seconds in longest)
        print(f"| `{kind_name}` | {total:.2f} | {total / whole:.2%} | {listed} |")


if __name__ == "__main__":
    main()
