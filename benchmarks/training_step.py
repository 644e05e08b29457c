"""Where a training step of the base recipe spends its time on a CPU, beside what the processor can do.

    .venv/bin/python benchmarks/training_step.py --rounds 3

Each measurement is a process of its own. A step's time is that of an epoch without a profiler. How it is shared among
the kinds of operations is measured by TensorFlow's profiler in the epoch after it: where operations overlap, each kind
has its part of the sum. Needed arithmetic leaves out products with padding. The matrix product and the copy of memory
are the fastest of several in the same run.
"""

import argparse
import math
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from hardware import describe_machine, matrix_products
from images import published
from side_by_side import last_line, spread

FOLDER = Path(__file__).parent
# By the name of TensorFlow's operation, the first that matches; with the arithmetic that it needs, where it is known.
KINDS = {
    "convolutions, forward": (r"^Conv2D$|FusedConv2D", "forward"),
    "convolutions, gradient of the input": (r"Conv2DBackpropInput", "of the input"),
    "convolutions, gradient of the kernel": (r"Conv2DBackpropFilter", "of the kernel"),
    "matrix products: convolutions of small images, head": (r"^_?(Fused)?MatMul$", "products"),
    "optimizer and weight decay": (r"^ResourceApply|^AssignSub|^Mul$", None),
    "batch normalization, with what follows it": (r"BatchNorm", None),
    "activations, sums and pooling": (r"Relu|^Add|MaxPool", None),
    "parts of images and kernels cut out and joined": (r"Slice|^Pad|Concat|^Pack$", None),
    "augmentation": (r"BatchMatMul", None),
    "all else": (r"", None),
}
# The optimizer reads weights, velocities and gradients, and writes two of them; the decay reads three and writes two.
_PASSES, _BYTES = 10, 4
_COPIED, _COPIES = 2**25, 5


def memory_speed() -> float:
    """Bytes a second, read and written, in the fastest of several copies, of 128 MiB by each core."""
    cores = os.cpu_count() or 1
    sources = [np.ones(_COPIED, np.float32) for _ in range(cores)]
    targets, seconds = [np.empty_like(source) for source in sources], []
    with ThreadPoolExecutor(cores) as pool:
        for _ in range(_COPIES):
            begun = time.perf_counter()
            list(pool.map(np.copyto, targets, sources))
            seconds.append(time.perf_counter() - begun)
    return 2 * sum(source.nbytes for source in sources) / min(seconds)


def by_kind(measured: dict[str, Any]) -> dict[str, float]:
    """The seconds of each kind of operation in a step: its share of the operations' time, of the step's."""
    seconds = Counter[str]()
    for operation, took in measured["operations"].items():
        seconds[next(kind for kind, (pattern, _) in KINDS.items() if re.search(pattern, operation))] += took
    whole = sum(seconds.values())
    return {kind: measured["step"] * seconds[kind] / whole for kind in KINDS}


def reached(kind: str, seconds: float, first: dict[str, Any], batch_size: int, product: float, memory: float) -> str:
    """What a kind comes to of what the processor could do, as the last cells of its row."""
    if known := KINDS[kind][1]:
        speed = first["flops"][known] * batch_size / seconds / 1e9
        return f"{speed:,.0f} GFLOP/s | {speed / product:.0%} of the product"
    if kind.startswith("optimizer"):
        speed = first["weights"] * _PASSES * _BYTES / seconds
        return f"{speed / 1e9:,.1f} GB/s | {speed / memory:.0%} of the copy"
    return "– | –"


def report(batch_size: int, precision: str, rounds: Sequence[dict[str, Any]], product: float, memory: float) -> None:
    """Print the table of one batch size and precision."""
    kinds, steps = [by_kind(one) for one in rounds], [1e3 * one["step"] for one in rounds]
    images = batch_size / median(one["step"] for one in rounds)
    needed = sum(rounds[0]["flops"].values()) * images / 1e9
    print(f"\n### Batch size {batch_size}, {precision}\n")
    print(f"A step takes {median(steps):.0f} ms ({spread(steps, 0)}), {images:,.0f} images/s. Of needed arithmetic")
    print(f"that is {needed:,.0f} GFLOP/s, {needed / product:.0%} of the product.\n")
    print("| operations | ms | least–most | of the step | | |\n| --- | --- | --- | --- | --- | --- |")
    for kind in sorted(KINDS, key=lambda kind: -median(one[kind] for one in kinds)):
        seconds = [one[kind] for one in kinds]
        middle, low_high = median(seconds), spread([1e3 * one for one in seconds], 1)
        ends = reached(kind, middle, rounds[0], batch_size, product, memory)
        print(f"| {kind} | {1e3 * middle:.1f} | {low_high} | {1e3 * middle / median(steps):.0%} | {ends} |")


def arguments() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (default: 3)")
    parser.add_argument("--steps", type=int, default=20, help="in an epoch (default: 20)")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[64, 256], help="default: 64 256")
    precisions = ["float32", "mixed_bfloat16"]
    parser.add_argument("--precisions", nargs="+", default=precisions, help=f"default: {' '.join(precisions)}")
    return parser.parse_args()


def main() -> None:
    """Print the tables for docs/results; each step's time goes to the error stream as it comes."""
    asked, measured = arguments(), dict[tuple[int, str], list[dict[str, Any]]]()
    products, memory = list[dict[str, float]](), list[float]()
    for _ in range(asked.rounds):
        products.append(matrix_products())
        memory.append(memory_speed())
        for batch_size in asked.batch_sizes:
            for precision in asked.precisions:
                options = ["--batch-size", str(batch_size), "--precision", precision, "--steps", str(asked.steps)]
                try:
                    one = last_line([sys.executable, FOLDER / "step_profile.py", *options])
                except RuntimeError as error:
                    words = f"left out: {error}"
                else:
                    measured.setdefault((batch_size, precision), []).append(one)
                    words = f"{1e3 * one['step']:.1f} ms"
                print(f"batch size {batch_size}, {precision}: {words}", file=sys.stderr, flush=True)
    best = {name: max(one[name] for one in products) for name in products[0]}
    kind = "MNIST" if published(asked.steps * max(asked.batch_sizes)) else "made"
    print(f"{describe_machine()}; {kind} images; n = {asked.rounds}\n")
    print(f"Matrix product: {', '.join(f'{name} {speed:,.0f} GFLOP/s' for name, speed in best.items())}.")
    print(f"Copy of memory by all cores: {max(memory) / 1e9:.1f} GB/s, read and written.")
    for (batch_size, precision), rounds in measured.items():
        report(batch_size, precision, rounds, best.get(precision.removeprefix("mixed_"), math.nan), max(memory))


if __name__ == "__main__":
    main()
