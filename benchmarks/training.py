"""Training speed of ResNet-18 on 32×32 images: ours, the tutorials' way and PyTorch, side by side.

    .venv/bin/python benchmarks/training.py --rounds 3

Each measurement is a process of its own, and the contestants take turns, so that a busy spell of the
machine meets them all. PyTorch is no dependency of this project: uv installs it for
`training_pytorch.py` alone, unless `--pytorch-python` names a Python that has it.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from hardware import describe_machine
from training_contestant import published
from training_table import OURS, PYTORCH_BFLOAT16, PYTORCH_FLOAT32, TUTORIALS, Contestant, Measurement, Results, report

FOLDER = Path(__file__).parent
PYTORCH = FOLDER / "training_pytorch.py"
UV = Path(sys.executable).with_name("uv")


def last_line(command: list[str | Path]) -> Any:
    """What a program answers, as JSON, in the last line that it prints."""
    answered = subprocess.run(command, capture_output=True, text=True, check=False)
    if answered.returncode != 0:
        raise RuntimeError((answered.stderr.strip() or f"exit status {answered.returncode}").splitlines()[-1])
    return json.loads(answered.stdout.splitlines()[-1])


def find_pytorch(python: Path | None) -> dict[str, str]:
    """The interpreter that has PyTorch and its versions, or the ``reason`` why there is none."""
    start: list[str | Path] = [python] if python else [UV, "run", "--script"]
    try:
        found: dict[str, str] = last_line([*start, PYTORCH, "--describe"])
    except (OSError, RuntimeError) as error:
        return {"reason": str(error)}
    return found


def contestants(pytorch: dict[str, str]) -> list[Contestant]:
    """All that take part; without PyTorch, its rows say why."""
    ours: list[str | Path] = [sys.executable, FOLDER / "training_ours.py", "--precision"]
    torch: list[str | Path] = [pytorch.get("python", ""), PYTORCH, "--precision"]
    reason = pytorch.get("reason")
    return [
        Contestant(OURS, [*ours, "auto"]),
        Contestant("ours, float32", [*ours, "float32"]),
        Contestant(TUTORIALS, [sys.executable, FOLDER / "training_tutorial.py"]),
        Contestant(PYTORCH_FLOAT32[0], [*torch, "float32"], reason),
        Contestant(PYTORCH_FLOAT32[1], [*torch, "float32", "--layout", "channels_last"], reason),
        Contestant(PYTORCH_BFLOAT16, [*torch, "bfloat16", "--layout", "channels_last"], reason),
    ]


def measure(contestant: Contestant, images: int, batch_size: int) -> Measurement:
    """Start a contestant and let it train."""
    started = time.time()
    answer = last_line([*contestant.command, "--images", str(images), "--batch-size", str(batch_size)])
    first, second = answer["epoch_ends"]
    return Measurement(images / (second - first), first - started, answer["precision"])


def run_round(everyone: list[Contestant], batch_sizes: list[int], images: int, results: Results) -> None:
    """Measure each contestant once at each batch size, and the machine's matrix products."""
    results.products.append(last_line([sys.executable, FOLDER / "matrix_product.py"]))
    for batch_size in batch_sizes:
        for contestant in (each for each in everyone if not each.missing):
            measured = measure(contestant, images, batch_size)
            results.measurements[batch_size, contestant.name].append(measured)
            print(f"batch size {batch_size}, {contestant.name}: {measured.in_words()}", file=sys.stderr, flush=True)


def arguments() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (default: 3)")
    parser.add_argument("--images", type=int, default=12_800, help="images in an epoch (default: 12800)")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[64, 256], help="default: 64 256")
    parser.add_argument("--pytorch-python", type=Path, help="a Python with torch and torchvision (default: by uv)")
    asked = parser.parse_args()
    if any(asked.images % size for size in asked.batch_sizes):
        parser.error(f"--images: received {asked.images}; choose a multiple of every batch size")
    return asked


def main() -> None:
    """Print the tables for docs/results.md; each measurement goes to the error stream as it comes."""
    asked, results = arguments(), Results()
    pytorch = find_pytorch(asked.pytorch_python)
    everyone = contestants(pytorch)
    for _ in range(asked.rounds):
        run_round(everyone, asked.batch_sizes, asked.images, results)
    images = f"{asked.images:,} {'MNIST' if published(asked.images) else 'made'} images an epoch"
    print(f"{describe_machine()}, {pytorch.get('versions', 'no PyTorch')}; {images}; n = {asked.rounds}\n")
    report(everyone, asked.batch_sizes, results)


if __name__ == "__main__":
    main()
