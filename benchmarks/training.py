"""Training speed of ResNet-18 on 32×32 images: ours, the tutorials' way and PyTorch, side by side.

    .venv/bin/python benchmarks/training.py --rounds 3

Each measurement is a process of its own, and the contestants take turns, so that a busy spell of the
machine meets them all. A contestant that cannot run, fails, or reaches the limit is left out, and its row says
why. PyTorch is no dependency of this project: uv installs it for `training_pytorch.py` alone, unless
`--pytorch-python` names a Python that has it. `torch.compile` needs a C++ compiler, too.
"""

import argparse
import sys
import time
from functools import partial
from pathlib import Path

from hardware import describe_machine, matrix_products
from images import published
from side_by_side import LIMIT, Contestant, find_interpreter, last_line, take_turns
from training_table import (
    COMPILED_BFLOAT16,
    COMPILED_FLOAT32,
    OURS,
    OURS_FLOAT32,
    PYTORCH_BFLOAT16,
    PYTORCH_FLOAT32,
    TUTORIALS,
    Measurement,
    TrainingResults,
    report,
)

FOLDER = Path(__file__).parent
PYTORCH = FOLDER / "training_pytorch.py"
UV = Path(sys.executable).with_name("uv")


def contestants(pytorch: dict[str, str]) -> list[Contestant]:
    """All that take part; without PyTorch, its rows say why."""
    ours: list[str | Path] = [sys.executable, FOLDER / "training_ours.py", "--precision"]
    torch: list[str | Path] = [pytorch.get("python", ""), PYTORCH, "--precision"]
    channels_last, reason = ["--layout", "channels_last"], pytorch.get("reason")
    return [
        Contestant(OURS, [*ours, "auto"]),
        Contestant(OURS_FLOAT32, [*ours, "float32"]),
        Contestant(TUTORIALS, [sys.executable, FOLDER / "training_tutorial.py"]),
        Contestant(PYTORCH_FLOAT32[0], [*torch, "float32"], reason),
        Contestant(PYTORCH_FLOAT32[1], [*torch, "float32", *channels_last], reason),
        Contestant(PYTORCH_BFLOAT16, [*torch, "bfloat16", *channels_last], reason),
        Contestant(COMPILED_FLOAT32, [*torch, "float32", *channels_last, "--compile"], reason),
        Contestant(COMPILED_BFLOAT16, [*torch, "bfloat16", *channels_last, "--compile"], reason),
    ]


def measure(contestant: Contestant, batch_size: int, images: int, limit: float) -> Measurement:
    """Start a contestant and let it train."""
    started = time.time()
    answer = last_line([*contestant.command, "--images", str(images), "--batch-size", str(batch_size)], limit)
    first, second = answer["epoch_ends"]
    return Measurement(images / (second - first), first - started, answer["precision"])


def arguments() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (default: 3)")
    parser.add_argument("--images", type=int, default=12_800, help="images in an epoch (default: 12800)")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[64, 256], help="default: 64 256")
    parser.add_argument("--leave-out", nargs="+", default=[], help="words; who has one in his name does not take part")
    parser.add_argument("--pytorch-python", type=Path, help="a Python with torch and torchvision (default: by uv)")
    parser.add_argument("--limit", type=float, default=LIMIT, help=f"seconds of a measurement (default: {LIMIT:g})")
    asked = parser.parse_args()
    if any(asked.images % size for size in asked.batch_sizes):
        parser.error(f"--images: received {asked.images}; choose a multiple of every batch size")
    return asked


def main() -> None:
    """Print the tables for docs/results; each measurement goes to the error stream as it comes."""
    asked, results = arguments(), TrainingResults()
    start = [asked.pytorch_python] if asked.pytorch_python else [UV, "run", "--script"]
    pytorch = find_interpreter(start, PYTORCH)
    everyone = [each for each in contestants(pytorch) if not any(word in each.name for word in asked.leave_out)]
    for _ in range(asked.rounds):
        results.products.append(matrix_products())
        take_turns(everyone, asked.batch_sizes, partial(measure, images=asked.images, limit=asked.limit), results)
    images = f"{asked.images:,} {'MNIST' if published(asked.images) else 'made'} images an epoch"
    print(f"{describe_machine()}, {pytorch.get('versions', 'no PyTorch')}; {images}; n = {asked.rounds}\n")
    report(everyone, asked.batch_sizes, results)


if __name__ == "__main__":
    main()
