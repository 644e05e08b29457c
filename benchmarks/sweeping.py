"""The cost of a sweep: its time against that of the same runs, made one after the other.

    .venv/bin/python benchmarks/sweeping.py --env smoke --namespaces mnist --seeds 4 --rounds 3

Three take turns in each round: `kedro run` for each seed, one after the other; `kedro sweep` with all cores for each
trial, so that they are also made one after the other; `kedro sweep` with one core for each, so that as many are made at
the same time as there are cores. All are ordinary runs in this project, in an experiment of their own; afterwards the
recipe's outputs are those of the last `kedro run`. The data must be there already.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from hardware import describe_machine
from side_by_side import median_and_spread, spread

PROJECT = Path(__file__).parents[1]
EXPERIMENT = "tracking.experiment=sweeping"
RUNS, SWEEP, AT_ONCE = "the runs, one after the other", "the sweep, one trial at a time", "the sweep, one core a trial"
MOST_SHARE, MOST_SECONDS = 1.10, 5.0


def kedro(command: str, options: Sequence[str], params: Sequence[str]) -> float:
    """Seconds of a command of this project.

    Raises:
        RuntimeError: If it fails; with the last line of what it said.
    """
    words = [Path(sys.executable).with_name("kedro"), command, *options, "--params", ",".join([EXPERIMENT, *params])]
    started = time.perf_counter()
    ended = subprocess.run(words, cwd=PROJECT, capture_output=True, encoding="utf-8", check=False)
    if ended.returncode:
        said = (ended.stderr.strip() or ended.stdout.strip() or "nothing").splitlines()[-1]
        raise RuntimeError(f"kedro {command} ended with {ended.returncode}: {said}")
    return time.perf_counter() - started


def runs(options: Sequence[str], namespaces: Sequence[str], seeds: int) -> float:
    """Seconds of a run for each seed."""
    return sum(kedro("run", options, [f"{name}.training.seed={seed}" for name in namespaces]) for seed in range(seeds))


def table(seconds: dict[str, list[float]], seeds: int) -> list[str]:
    """The lines for docs/results: seconds, and how many times those of the runs, round by round."""
    lines = ["| what | seconds | against the runs | more seconds |", "| --- | --- | --- | --- |"]
    for name, measured in seconds.items():
        pairs = list(zip(measured, seconds[RUNS], strict=True))
        more = [own - other for own, other in pairs]
        lines.append(
            f"| {name} | {median(measured):.1f} ({spread(measured, 1)}) "
            f"| {median_and_spread([own / other for own, other in pairs])} | {median(more):.1f} ({spread(more, 1)}) |"
        )
    return [*lines, "", verdict(seconds, seeds)]


def verdict(seconds: dict[str, list[float]], seeds: int) -> str:
    """Whether the sweep that makes one trial at a time keeps to the aim."""
    pairs = list(zip(seconds[SWEEP], seconds[RUNS], strict=True))
    share, more = median([own / other for own, other in pairs]), median([own - other for own, other in pairs])
    kept = "reached" if share <= MOST_SHARE and more <= MOST_SECONDS else "missed"
    return f"- a sweep of {seeds} takes at most 10 % and 5 s more: {kept}, {share - 1:+.1%} and {more:+.1f} s"


def main() -> None:
    """Print one line for each measurement, then the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", default="smoke", help="the recipe (default: smoke)")
    parser.add_argument("--namespaces", default="mnist", help="the data sets (default: mnist)")
    parser.add_argument("--seeds", type=int, default=4, help="how many runs, with seeds from 0 (default: 4)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (default: 3)")
    asked = parser.parse_args()
    options = ["--env", asked.env, "--namespaces", asked.namespaces]
    sweep = [*options, "--seeds", f"0-{asked.seeds - 1}", "--cpus"]
    contestants: dict[str, Callable[[], float]] = {
        RUNS: lambda: runs(options, asked.namespaces.split(","), asked.seeds),
        SWEEP: lambda: kedro("sweep", [*sweep, str(os.cpu_count() or 1)], []),
        AT_ONCE: lambda: kedro("sweep", [*sweep, "1"], []),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(asked.rounds):
        for name in list(contestants)[:: -1 if number % 2 else 1]:  # no contestant is always first
            seconds[name].append(contestants[name]())
            print(f"round {number + 1}, {name}: {seconds[name][-1]:.1f} s", flush=True)
    print(f"\n{describe_machine()}; `{asked.env}`, {asked.namespaces}, {asked.seeds} seeds; n = {asked.rounds}\n")
    print(*table(seconds, asked.seeds), sep="\n")


if __name__ == "__main__":
    main()
