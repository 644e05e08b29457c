"""Accuracy and time of a recipe over several runs, each with its own seed.

    .venv/bin/python benchmarks/recipes.py --env mnist_32 --namespaces mnist --runs 3

The runs are ordinary `kedro run`s in this project, so that its data/ and MLflow hold the last of them.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from hardware import describe_machine

PROJECT = Path(__file__).parents[1]


def run(env: str, namespaces: Sequence[str], seed: int, params: str) -> tuple[float, dict[str, float]]:
    """Seconds of a whole run, and the test accuracy of each data set."""
    seeds = [f"{name}.training.seed={seed}" for name in namespaces]
    command = [Path(sys.executable).with_name("kedro"), "run", "--pipelines", "training", "--env", env]
    command += ["--namespaces", ",".join(namespaces), "--params", ",".join(filter(None, [*seeds, params]))]
    started = time.perf_counter()
    subprocess.run(command, cwd=PROJECT, stdout=subprocess.DEVNULL, check=True)
    seconds = time.perf_counter() - started
    outputs = PROJECT / "data" / ("" if env == "base" else f"recipes/{env}")
    reports = {name: outputs / "08_reporting" / name / "evaluation.json" for name in namespaces}
    return seconds, {
        name: json.loads(path.read_text(encoding="utf-8"))["variants"]["fp32"]["accuracy"]
        for name, path in reports.items()
    }


def row(what: str, values: Sequence[float], digits: int) -> str:
    """A line of the table: mean, spread, least and most."""
    mean, least, most = (f"{take(values):.{digits}f}" for take in (statistics.mean, min, max))
    spread = f"{statistics.stdev(values):.{digits}f}" if len(values) > 1 else "–"
    return f"| {what} | {mean} | {spread} | {least} | {most} |"


def main() -> None:
    """Print one line for each run, then the table for docs/results.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", default="base", help="the recipe (default: base)")
    parser.add_argument("--namespaces", default="mnist,fashion_mnist", help="the data sets (default: both)")
    parser.add_argument("--runs", type=int, default=3, help="how many, with seeds from 0 (default: 3)")
    parser.add_argument("--params", default="", help="further parameters, as for `kedro run`")
    asked = parser.parse_args()
    namespaces, results = asked.namespaces.split(","), []
    for seed in range(asked.runs):
        results.append(run(asked.env, namespaces, seed, asked.params))
        print(f"seed {seed}: {results[-1][0]:.0f} s in all; {results[-1][1]}", flush=True)
    print(f"\n{describe_machine()}; n = {asked.runs}\n")
    print("| what | mean | standard deviation | least | most |\n| --- | --- | --- | --- | --- |")
    for name in namespaces:
        print(row(f"`{asked.env}`, {name}, test accuracy", [accuracy[name] for _, accuracy in results], 4))
    print(row(f"`{asked.env}`, seconds in all", [seconds for seconds, _ in results], 0))


if __name__ == "__main__":
    main()
