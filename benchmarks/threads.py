"""Differences of one run made with other numbers of threads and other instruction sets.

    .venv/bin/python benchmarks/threads.py --precision float32
    .venv/bin/python benchmarks/threads.py --precision float32 --pipelines export,evaluate
    .venv/bin/python benchmarks/threads.py --env base --params mnist.data.training_images=1024,mnist.training.epochs=1

Each is an ordinary recorded `kedro run` in this project, compared with the first as by `kedro compare`. With
`--pipelines export,evaluate` all have the weights of the first. The last column is the same for the trained network in
TensorFlow, of which only the agreement with the exported file is recorded. An instruction set is that of oneDNN, which
computes TensorFlow's convolutions and products. Eigen and onnxruntime compute as before, so this stands for another
processor only in part.
"""

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from hardware import describe_machine

from mnist_resnet.comparison.finished_runs import compare_recorded
from mnist_resnet.comparison.level import Tolerances
from mnist_resnet.evaluation.parity import compare
from mnist_resnet.tracking.store.address import tracking_uri

PROJECT = Path(__file__).parents[1]
HEADER = ("setting", "verdict", "first difference", "max |Δ probability|", "same class", "test accuracy", "TensorFlow")


@dataclass(frozen=True)
class Setting:
    """The conditions of a run: variables of its environment, and how many cores it may use (all if None)."""

    variables: dict[str, str] = field(default_factory=dict)
    cores: int | None = None

    def confine(self) -> Callable[[], None] | None:
        """The function that limits the new process to these cores before it begins."""
        if self.cores is None:
            return None
        usable = sorted(os.sched_getaffinity(0))[: self.cores]
        return lambda: os.sched_setaffinity(0, usable)


SETTINGS = {
    "the same again": Setting(),
    "1 intra-op thread": Setting({"TF_NUM_INTRAOP_THREADS": "1"}),
    "4 intra-op threads": Setting({"TF_NUM_INTRAOP_THREADS": "4"}),
    "8 intra-op threads": Setting({"TF_NUM_INTRAOP_THREADS": "8"}),
    "1 inter-op thread": Setting({"TF_NUM_INTEROP_THREADS": "1"}),
    "4 inter-op threads": Setting({"TF_NUM_INTEROP_THREADS": "4"}),
    "1 core": Setting(cores=1),
    "1 core with 2 intra-op threads": Setting({"TF_NUM_INTRAOP_THREADS": "2"}, cores=1),
    "AVX-512 without bfloat16": Setting({"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}),
    "AVX2": Setting({"ONEDNN_MAX_CPU_ISA": "AVX2"}),
}


def run(setting: Setting, pipelines: str, arguments: Sequence[str]) -> str:
    """The identifier of the MLflow run of a `kedro run`."""
    command = [Path(sys.executable).with_name("kedro"), "run", "--pipelines", pipelines, *arguments]
    ended = subprocess.run(
        command,
        cwd=PROJECT,
        env={**os.environ, **setting.variables},
        preexec_fn=setting.confine(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    found = re.search(r"MLflow run:\s+([0-9a-f]{32})", ended.stdout)
    if ended.returncode != 0 or found is None:
        raise RuntimeError(ended.stdout)
    return found[1]


def by_tensorflow(env: str, namespace: str) -> np.ndarray:
    """The test probabilities of the last run's network, before it was exported: float32 (images, classes)."""
    outputs = PROJECT / "data" / ("" if env == "base" else f"recipes/{env}")
    return np.load(outputs / "07_model_output" / namespace / "reference_probabilities.npy")


def row(name: str, first: str, second: str, namespace: str, networks: tuple[np.ndarray, np.ndarray]) -> str:
    """A line of the table."""
    store = tracking_uri(PROJECT)
    verdict = compare_recorded(first, second, store, Tolerances()).verdict.namespaces[namespace]
    step, parity = verdict.first_difference, verdict.parity
    before, after = verdict.metrics["test_accuracy"]
    cells = (
        name,
        verdict.level.name,
        f"{step.label} ({step.detail})" if step else "none",
        f"{parity.max_abs_diff:.1e}" if parity else "–",
        f"{parity.argmax_agreement:.2%}" if parity else "–",
        f"{before:.4f} → {after:.4f}",
        f"{compare(*networks).max_abs_diff:.1e}",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table for docs/results, a line after each run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", default="smoke", help="the recipe (default: smoke)")
    parser.add_argument("--namespace", default="mnist", help="the data set (default: mnist)")
    parser.add_argument("--precision", default="float32", help="of training (default: float32)")
    parser.add_argument("--params", default="", help="further parameters, as for `kedro run`")
    parser.add_argument("--pipelines", default="training", help="what all but the first run make (default: training)")
    parser.add_argument("--settings", default=",".join(SETTINGS), help="which, by name (default: all)")
    asked = parser.parse_args()
    own = f"{asked.namespace}.training.precision={asked.precision}"
    params = ",".join(filter(None, [own, "tracking.experiment=threads", asked.params]))
    arguments = ["--env", asked.env, "--namespaces", asked.namespace, "--params", params]
    first = run(Setting(), "training", arguments)
    before = by_tensorflow(asked.env, asked.namespace)
    print(f"{describe_machine()}; `{asked.env}`, {asked.namespace}, {asked.precision}; n = 1\n")
    print(f"| {' | '.join(HEADER)} |\n|{' --- |' * len(HEADER)}", flush=True)
    for name in asked.settings.split(","):
        second = run(SETTINGS[name], asked.pipelines, arguments)
        networks = (before, by_tensorflow(asked.env, asked.namespace))
        print(row(name, first, second, asked.namespace, networks), flush=True)


if __name__ == "__main__":
    main()
