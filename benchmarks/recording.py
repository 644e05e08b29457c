"""The cost of recording: the share of a run that is spent in provenance, tracking and system metrics.

    .venv/bin/python benchmarks/recording.py --env smoke --namespaces mnist
    .venv/bin/python benchmarks/recording.py
    .venv/bin/python benchmarks/recording.py --env smoke --namespaces mnist --turns 5

Runs are ordinary ones in this project and this process, so the second takes as long as `make training`. The data must
be there already. Without --turns, what is timed is every call of a method of provenance and tracking that neither of
them makes, by the wall clock, and each sample of the machine by its thread's processor time. With --turns, whole runs
take turns: without tracking, with it, and with system metrics as well.
"""

import argparse
import functools
import inspect
import statistics
import threading
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


# What the runs of a turn record.
CONTESTANTS: dict[str, dict[str, Any]] = {
    "nothing recorded": {"enabled": False},
    "tracking": {"system_metrics_seconds": None},
    "tracking with system metrics": {},
}


class Clock:
    """Seconds spent in the methods of classes, by class and method; of nested calls in a thread the outermost."""

    def __init__(self) -> None:
        self.seconds: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        self.calls: dict[str, int] = defaultdict(int)
        self._thread = threading.local()

    def time_methods(self, kind: type) -> None:
        """Put a timed method in the place of each that a class defines."""
        for name, method in list(vars(kind).items()):
            if inspect.isfunction(method):
                self.time_method(kind, name, time.perf_counter)

    def time_method(self, kind: type, name: str, clock: Callable[[], float]) -> None:
        """Put a timed method in the place of one."""
        method = vars(kind)[name]

        @functools.wraps(method)
        def timed(*arguments: Any, **options: Any) -> Any:
            if getattr(self._thread, "inside", False):
                return method(*arguments, **options)
            self._thread.inside, started = True, clock()
            try:
                return method(*arguments, **options)
            finally:
                self.seconds[kind.__name__][name] += clock() - started
                self.calls[kind.__name__] += 1
                self._thread.inside = False

        setattr(kind, name, timed)


def seconds_of_run(env: str | None, namespaces: list[str], tracking: dict[str, Any]) -> float:
    """The wall-clock time of a run of all pipelines, from its session to its end."""
    params = {"tracking": {"experiment": "recording", **tracking}}
    started = time.perf_counter()
    with KedroSession.create(PROJECT, env=env, runtime_params=params, save_on_close=False) as session:
        session.run(pipeline_names=["training"], namespaces=namespaces or None)
    return time.perf_counter() - started


def print_shares(env: str | None, namespaces: list[str]) -> None:
    """The table of one run: the seconds of each part, and its share."""
    from mnist_resnet.hooks.provenance import ProvenanceRecord
    from mnist_resnet.hooks.tracking import Tracking
    from mnist_resnet.tracking.system_metrics import SystemMetrics

    clock = Clock()
    for kind in (ProvenanceRecord, Tracking):
        clock.time_methods(kind)
    clock.time_method(SystemMetrics, "sample", time.thread_time)
    whole = seconds_of_run(env, namespaces, {})
    print(f"{whole:.1f} s in all; n = 1\n")
    print("| what | seconds | share of the run | most of it in |\n| --- | --- | --- | --- |")
    for kind_name, spent in clock.seconds.items():
        total = sum(spent.values())
        longest = sorted(spent.items(), key=lambda item: -item[1])[:SHOWN]
        listed = ", ".join(f"`{name}` {seconds:.2f} s" for name, seconds in longest)
        calls = clock.calls[kind_name]
        print(f"| `{kind_name}`, {calls} calls | {total:.3f} | {total / whole:.2%} | {listed} |")
    recording = sum(sum(spent.values()) for spent in clock.seconds.values())
    print(f"| all | {recording:.3f} | {recording / whole:.2%} | |")


def print_turns(env: str | None, namespaces: list[str], turns: int) -> None:
    """The table of whole runs that take turns: seconds, and the ratio to the one of the same turn without tracking."""
    seconds_of_run(env, namespaces, {})  # imports, and files that the system then has in memory
    seconds: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    for turn in range(turns):
        order = list(CONTESTANTS)[:: 1 if turn % 2 == 0 else -1]
        for name in order:
            seconds[name].append(seconds_of_run(env, namespaces, CONTESTANTS[name]))
    first = next(iter(seconds.values()))
    print(f"whole runs in turn; n = {turns}\n")
    print("| what is recorded | seconds | ratio | least | most |\n| --- | --- | --- | --- | --- |")
    for name, spent in seconds.items():
        ratios = [mine / without for mine, without in zip(spent, first, strict=True)]
        figures = f"{statistics.median(ratios):.3f} | {min(ratios):.3f} | {max(ratios):.3f}"
        print(f"| {name} | {statistics.median(spent):.1f} | {figures} |")


def main() -> None:
    """Print the table for docs/results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", help="the recipe (default: base)")
    parser.add_argument("--namespaces", default="", help="the data sets (default: all)")
    parser.add_argument(
        "--turns", type=int, default=0, help="how many times to run each way (default: one run, taken apart)"
    )
    asked = parser.parse_args()
    bootstrap_project(PROJECT)
    namespaces = list(filter(None, asked.namespaces.split(",")))
    print(f"\n{describe_machine()}; `{asked.env or 'base'}`, {asked.namespaces or 'all data sets'}: ", end="")
    if asked.turns:
        print_turns(asked.env, namespaces, asked.turns)
    else:
        print_shares(asked.env, namespaces)


if __name__ == "__main__":
    main()
