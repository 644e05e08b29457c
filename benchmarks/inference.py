"""Inference speed of the exported files on the CPU, beside TensorFlow, OpenVINO and PyTorch.

    .venv/bin/python benchmarks/inference.py --rounds 5 --openvino-python PYTHON --pytorch-python PYTHON

Each measurement is a process of its own, and the contestants take turns, so that a busy spell of the
machine meets them all. A process loads the model, warms up, then classifies the same batch again and
again, one call after the other, and answers the images a second of its median call. A contestant that
cannot run, fails, or reaches the limit is left out, and its row says why. Our files, TensorFlow and OpenVINO
take raw uint8 images and prepare them; PyTorch takes prepared ones. All may use every processor: OpenVINO and
PyTorch are told to; TensorFlow and onnxruntime (one thread a core) do by themselves.

OpenVINO and PyTorch are no dependencies of this project: each runs under the Python that is named for it,
and is left out without. The head of benchmarks/inference_openvino.py and inference_pytorch.py says what that
Python must have.
"""

import argparse
import os
import sys
from functools import partial
from pathlib import Path

from hardware import describe_machine
from images import published
from inference_table import GEMM, INT8, OPENVINO_BFLOAT16, OPENVINO_FLOAT32, OURS, Measurement, report
from side_by_side import LIMIT, Contestant, Results, find_interpreter, last_line, take_turns

FOLDER = Path(__file__).parent
MODELS = FOLDER.parent / "data" / "06_models" / "mnist"


def rival(script: Path, python: Path | None, option: str) -> dict[str, str]:
    """The interpreter and the versions of a rival, or the ``reason`` why it is left out."""
    return find_interpreter([python], script) if python else {"reason": f"`{option}` names no Python"}


def of_file(name: str, script: str, model: Path) -> Contestant:
    """A contestant of this project's environment, missing if its file is."""
    reason = None if model.exists() else f"`{model.name}` is not there"
    return Contestant(name, [sys.executable, FOLDER / script, "--model", model], reason)


def of_rival(name: str, script: Path, precision: str, found: dict[str, str], *further: str | Path) -> Contestant:
    """A contestant of another environment."""
    command = [found.get("python", ""), script, "--precision", precision, *further]
    return Contestant(name, command, found.get("reason"))


def contestants(asked: argparse.Namespace) -> tuple[list[Contestant], list[str]]:
    """All that take part, those that cannot with the reason, and the versions of the rivals."""
    openvino, pytorch = FOLDER / "inference_openvino.py", FOLDER / "inference_pytorch.py"
    with_openvino = rival(openvino, asked.openvino_python, "--openvino-python")
    with_pytorch = rival(pytorch, asked.pytorch_python, "--pytorch-python")
    everyone = [
        of_file(OURS, "inference_onnxruntime.py", asked.onnx),
        of_file(GEMM, "inference_onnxruntime.py", asked.gemm),
        of_file(INT8, "inference_onnxruntime.py", asked.int8),
        of_file("TensorFlow, SavedModel", "inference_tensorflow.py", asked.saved_model),
        of_rival(OPENVINO_FLOAT32, openvino, "float32", with_openvino, "--model", asked.onnx),
        of_rival(OPENVINO_BFLOAT16, openvino, "bfloat16", with_openvino, "--model", asked.onnx),
        of_rival("PyTorch compiled, float32", pytorch, "float32", with_pytorch),
        of_rival("PyTorch compiled, bfloat16", pytorch, "bfloat16", with_pytorch),
    ]
    return everyone, [found["versions"] for found in (with_openvino, with_pytorch) if "versions" in found]


def measure(contestant: Contestant, batch_size: int, seconds: float, limit: float) -> Measurement:
    """Start a contestant and let it classify."""
    asked = ["--batch-size", str(batch_size), "--seconds", str(seconds)]
    return Measurement(**last_line([*contestant.command, *asked], limit))


def arguments() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (default: 5)")
    parser.add_argument("--seconds", type=float, default=5.0, help="of timed calls, after half as many (default: 5)")
    parser.add_argument("--limit", type=float, default=LIMIT, help=f"seconds of a measurement (default: {LIMIT:g})")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 32, 256], help="default: 1 32 256")
    variants = (("--gemm", "variants/model.gemm.onnx"), ("--int8", "variants/model.int8.onnx"))
    inputs = (("--onnx", "model.onnx"), *variants, ("--saved-model", "saved_model"))
    for option, default in inputs:
        parser.add_argument(
            option, type=Path, default=MODELS / default, help=f"default: data/06_models/mnist/{default}"
        )
    parser.add_argument("--openvino-python", type=Path, help="a Python with openvino and numpy")
    parser.add_argument("--pytorch-python", type=Path, help="a Python with torch, torchvision and numpy")
    asked = parser.parse_args()
    if not asked.onnx.exists():
        parser.error(f"--onnx: {asked.onnx} is not there; run `kedro run --pipeline training` once, or name a file")
    return asked


def main() -> None:
    """Print the tables for docs/results; each measurement goes to the error stream as it comes."""
    asked = arguments()
    results: Results[Measurement] = Results()
    everyone, versions = contestants(asked)
    for _ in range(asked.rounds):
        take_turns(everyone, asked.batch_sizes, partial(measure, seconds=asked.seconds, limit=asked.limit), results)
    images = "MNIST" if published(max(asked.batch_sizes)) else "noise"
    about = f"{os.cpu_count()} threads; {images}, {asked.seconds:g} s of calls each; n = {asked.rounds}"
    print(f"{', '.join([describe_machine(), *versions])}; {about}")
    report(everyone, asked.batch_sizes, results)


if __name__ == "__main__":
    main()
