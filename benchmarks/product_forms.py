"""Speed of a trained model with convolutions of its smallest images as products of matrices, beside it as exported.

    .venv/bin/python benchmarks/product_forms.py data mnist --raw data/01_raw

Both forms of fp32, and int8 made of each, classify in turns, call by call, in one process. The first row holds the
exported file against itself, which shows what the machine's noise alone makes of a ratio.
"""

import argparse
from statistics import median
from time import perf_counter

import numpy as np
from hardware import describe_machine
from int8_forms import calibration_images, options_of_a_model, test_set
from side_by_side import median_and_spread

from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.evaluation.latency import relative_speeds
from mnist_resnet.evaluation.parity import compare
from mnist_resnet.evaluation.providers import CPU_PROVIDER
from mnist_resnet.evaluation.session import Session, open_session
from mnist_resnet.export.products import multiply_small_images
from mnist_resnet.export.quantize import to_int8

PAIRS = (
    ("fp32", "fp32"),
    ("fp32, products", "fp32"),
    ("int8", "fp32"),
    ("int8, products", "int8"),
    ("int8, products", "fp32, products"),
)
BATCH_SIZE = 256


def main() -> None:
    """Print a table of the files, and one of speed ratios."""
    asked = _arguments()
    fp32 = (asked.outputs / "06_models" / asked.dataset / "model.onnx").read_bytes()
    products = multiply_small_images(fp32)
    if products is None:
        raise SystemExit(f"{asked.dataset}: no convolution of this model has a kernel larger than its image")
    calibrating = calibration_images(asked.outputs / "05_model_input" / asked.dataset)
    files = {"fp32": fp32, "fp32, products": products}
    files |= {name.replace("fp32", "int8"): to_int8(file, calibrating, asked.method) for name, file in files.items()}
    images, labels = test_set(asked.raw / asked.dataset)
    sessions = {name: open_session(content, [CPU_PROVIDER], takes_turns=True) for name, content in files.items()}
    print(f"{describe_machine()}; {len(images):,} test images of {asked.dataset}; n = {asked.rounds}\n", flush=True)
    _print_files(files, sessions, images, labels)
    print(f"\n| speed of | to | {' | '.join(f'batch {size}' for size in asked.batch_sizes)} |")
    print("| --- | --- |" + " --- |" * len(asked.batch_sizes))
    for one, other in PAIRS:
        ratios = [_ratios(sessions[one], sessions[other], images, size, asked) for size in asked.batch_sizes]
        print(f"| {one} | {other} | {' | '.join(map(median_and_spread, ratios))} |", flush=True)


def _print_files(files: dict[str, bytes], sessions: dict[str, Session], images: UInt8Array, labels: np.ndarray) -> None:
    """Size, accuracy, and agreement with fp32 as exported."""
    answers = {name: session.probabilities(images, BATCH_SIZE) for name, session in sessions.items()}
    print("| file | MB | accuracy | class as fp32 | max \\|Δp\\| |\n| --- | --- | --- | --- | --- |")
    for name, probabilities in answers.items():
        accuracy, parity = (probabilities.argmax(axis=1) == labels).mean(), compare(answers["fp32"], probabilities)
        agreement = f"{parity.argmax_agreement:.2%} | {parity.max_abs_diff:.1e}"
        print(f"| {name} | {len(files[name]) / 1e6:.1f} | {accuracy:.4f} | {agreement} |", flush=True)


def _ratios(one: Session, other: Session, images: UInt8Array, size: int, asked: argparse.Namespace) -> list[float]:
    """Of each round, the median over turns of about ``asked.seconds`` in all."""
    calls = _calls(other, images[:size], asked.seconds)
    return [relative_speeds({"one": one}, other, images, [size], calls)["one"][str(size)] for _ in range(asked.rounds)]


def _calls(session: Session, images: UInt8Array, seconds: float) -> int:
    taken = []
    for _ in range(5):
        started = perf_counter()
        session.run(images)
        taken.append(perf_counter() - started)
    return max(5, int(seconds / median(taken) / 2))


def _arguments() -> argparse.Namespace:
    parser = options_of_a_model(__doc__)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 32, 256], help="default: 1 32 256")
    parser.add_argument("--rounds", type=int, default=5, help="of each pair at each batch size (default: 5)")
    parser.add_argument("--seconds", type=float, default=3.0, help="of a round, about (default: 3)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
