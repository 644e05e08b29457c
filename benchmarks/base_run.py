"""Run the base recipe several times, each with its own seed, and print accuracy and time.

    .venv/bin/python benchmarks/base_run.py --runs 3

The runs are ordinary `kedro run`s in this project, so that data/ and MLflow hold the last of them.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

from hardware import describe_machine

PROJECT = Path(__file__).parents[1]
NAMESPACES = ("mnist", "fashion_mnist")


def run(seed: int) -> tuple[float, dict[str, float], str]:
    """Seconds of a whole run, test accuracy by data set, and the line of each stage's times."""
    parameters = ",".join(f"{name}.training.seed={seed}" for name in NAMESPACES)
    command = [Path(sys.executable).with_name("kedro"), "run", "--pipelines", "training", "--params", parameters]
    started = time.perf_counter()
    ended = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=True)
    seconds = time.perf_counter() - started
    reports = {name: PROJECT / "data/08_reporting" / name / "evaluation.json" for name in NAMESPACES}
    accuracy = {name: json.loads(path.read_text())["variants"]["fp32"]["accuracy"] for name, path in reports.items()}
    stages = re.findall(r"│ (\w+) +│ 0\.\d+ .*│ (.*?) *│", ended.stdout)
    return seconds, accuracy, "; ".join(f"{name}: {times}" for name, times in stages)


def main() -> None:
    """Print one line for each run, then the table for docs/results.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="how many, with seeds from 0 (default: 3)")
    count = parser.parse_args().runs
    results = []
    for seed in range(count):
        seconds, accuracy, stages = run(seed)
        results.append((seconds, accuracy))
        print(f"seed {seed}: {seconds:.0f} s in all; {accuracy}; {stages}", flush=True)
    print(f"\n{describe_machine()}; n = {count}\n")
    print("| what | mean | least | most |\n| --- | --- | --- | --- |")
    for name in NAMESPACES:
        values = [accuracy[name] for _, accuracy in results]
        print(f"| {name}, test accuracy | {statistics.mean(values):.4f} | {min(values):.4f} | {max(values):.4f} |")
    minutes = [seconds / 60 for seconds, _ in results]
    print(f"| both, minutes in all | {statistics.mean(minutes):.1f} | {min(minutes):.1f} | {max(minutes):.1f} |")


if __name__ == "__main__":
    main()
