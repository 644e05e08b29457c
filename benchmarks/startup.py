"""The time before anything happens: `kedro --help`, and a run's first training step.

    .venv/bin/python benchmarks/startup.py --repeats 5

The data must be there already: run `make training` once before.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from hardware import describe_machine

PROJECT = Path(__file__).parents[1]
KEDRO = Path(sys.executable).with_name("kedro")


def seconds_of_help() -> float:
    """From typing `kedro --help` to its end."""
    started = time.perf_counter()
    subprocess.run([KEDRO, "--help"], cwd=PROJECT, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def seconds_to_first_step() -> float:
    """From typing `kedro run` to the end of the first training step, with the data in place."""
    started = time.perf_counter()
    command = [KEDRO, "run", "--pipelines", "training", "--params", "tracking.experiment=startup"]
    with subprocess.Popen(
        command, cwd=PROJECT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, encoding="utf-8"
    ) as run:
        assert run.stderr is not None
        for line in run.stderr:
            if "images, loss" in line:
                elapsed = time.perf_counter() - started
                run.terminate()
                return elapsed
    raise RuntimeError("the run ended before its first step")


def main() -> None:
    """Print the table for docs/results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="how often each is timed (default: 5)")
    repeats = parser.parse_args().repeats
    timed: dict[str, Callable[[], float]] = {
        "`kedro --help`": seconds_of_help,
        "`kedro run` to its first training step": seconds_to_first_step,
    }
    print(f"{describe_machine()}; n = {repeats}\n")
    print("| what | median | least | most |\n| --- | --- | --- | --- |")
    for name, measure in timed.items():
        values = [measure() for _ in range(repeats)]
        print(f"| {name} | {statistics.median(values):.1f} s | {min(values):.1f} s | {max(values):.1f} s |")


if __name__ == "__main__":
    main()
