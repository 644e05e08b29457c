"""Accuracy, size and speed of a trained model in every form that onnxruntime has integer kernels for.

    .venv/bin/python benchmarks/int8_forms.py data fashion_mnist --emulate "qemu-x86_64 -cpu Haswell" --images 400

The first table is of this processor and all test images. "Without kernels" is the same file with graph optimization
off: float32 operations between quantizing and dequantizing ones, which is what the file says. For each emulated
processor another table compares its integer kernels with that, on some of the images.
"""

import argparse
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from hardware import describe_machine

from mnist_resnet.data.idx import UInt8Array, parse
from mnist_resnet.data.sample import spread_sample
from mnist_resnet.evaluation.latency import relative_speeds
from mnist_resnet.evaluation.paired import compare_correct
from mnist_resnet.evaluation.parity import compare
from mnist_resnet.evaluation.providers import CPU_PROVIDER
from mnist_resnet.evaluation.session import open_session
from mnist_resnet.export.products import multiply_small_images
from mnist_resnet.export.quantize import FORMS, to_int8

BATCH_SIZE = 256
WITHOUT = "without kernels: class, \\|Δp\\|"
SPEED_AT, CALLS = (32, 256), 20
CALIBRATION_IMAGES = 256


def main() -> None:
    """Print a table for this processor, and one for each emulated one."""
    asked = _arguments()
    folder = asked.outputs / "06_models" / asked.dataset
    fp32 = (folder / "model.onnx").read_bytes()
    calibrating = calibration_images(asked.outputs / "05_model_input" / asked.dataset)
    images, labels = test_set(asked.raw / asked.dataset)
    source = multiply_small_images(fp32) or fp32
    files = {name: to_int8(source, calibrating, asked.method, form) for name, form in FORMS.items()}
    print(f"{describe_machine()}; {folder}, calibrated by {asked.method}; {len(images):,} test images\n")
    said = _print_forms(fp32, files, images, labels)
    some = spread_sample(labels, asked.images, seed=0)
    for command in asked.emulate:
        _print_emulated(command, files, images[some], {name: answers[some] for name, answers in said.items()})


def _print_forms(fp32: bytes, files: dict[str, bytes], images: UInt8Array, labels: UInt8Array) -> dict[str, np.ndarray]:
    """The table of this processor; what each file says without kernels."""
    said = {}
    reference = _answers(fp32, images)
    right = reference.argmax(axis=1) == labels
    columns = [f"accuracy (fp32 {right.mean():.4f})", "at most lost", "class as fp32", WITHOUT, "size"]
    columns += [f"speed at batch {size}" for size in SPEED_AT]
    print(f"| form | {' | '.join(columns)} |\n{'| --- ' * (1 + len(columns))}|")
    for name, content in files.items():
        answers, said[name] = _answers(content, images), _answers(content, images, optimized=False)
        correct = answers.argmax(axis=1) == labels
        float32, kernels = compare(reference, answers), compare(said[name], answers)
        session, other = (open_session(each, [CPU_PROVIDER], takes_turns=True) for each in (content, fp32))
        speeds = relative_speeds({name: session}, other, images, SPEED_AT, CALLS)[name].values()
        loss = compare_correct(right, correct).greatest_loss()
        print(f"| {name} | {correct.mean():.4f} | {loss:.4f} | {float32.argmax_agreement:.2%} |", end="")
        print(f" {kernels.argmax_agreement:.2%}, {kernels.max_abs_diff:.3f} | {len(content) / len(fp32):.2f} |", end="")
        print(f" {' | '.join(f'{speed:.2f}' for speed in speeds)} |", flush=True)
    return said


def _print_emulated(command: str, files: dict[str, bytes], images: UInt8Array, said: dict[str, np.ndarray]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "images.npy", images)
        for form, content in files.items():
            (folder / f"{form}.onnx").write_bytes(content)
        here = Path(__file__).with_name("int8_answers.py")
        subprocess.run([*shlex.split(command), sys.executable, here, folder], check=True, stderr=subprocess.DEVNULL)
        print(f"\n`{command}`, {len(images):,} images\n\n| form | {WITHOUT} |\n| --- | --- |")
        for form in files:
            kernels = compare(said[form], np.load(folder / f"{form}.npy"))
            print(f"| {form} | {kernels.argmax_agreement:.2%}, {kernels.max_abs_diff:.3f} |")


def _answers(content: bytes, images: UInt8Array, optimized: bool = True) -> np.ndarray:
    return open_session(content, [CPU_PROVIDER], optimized=optimized).probabilities(images, BATCH_SIZE)


def calibration_images(folder: Path) -> UInt8Array:
    """Training images of all classes in equal shares, from a folder of split arrays."""
    images, labels = (np.load(folder / f"train_{kind}.npy", mmap_mode="r") for kind in ("images", "labels"))
    return images[spread_sample(labels, CALIBRATION_IMAGES, seed=0)]


def test_set(folder: Path) -> tuple[UInt8Array, UInt8Array]:
    """The published test images and labels."""
    images, labels = (parse((folder / f"t10k-{kind}-ubyte").read_bytes()) for kind in ("images-idx3", "labels-idx1"))
    return images, labels


def options_of_a_model(description: str | None) -> argparse.ArgumentParser:
    """Options that say which trained model is meant, and how it is quantized."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("outputs", type=Path, help="of a trained recipe: data, or data/recipes/<name>")
    parser.add_argument("dataset")
    parser.add_argument("--raw", type=Path, default=Path("data/01_raw"), help="folder of the published files")
    parser.add_argument("--method", default="minmax", choices=("minmax", "entropy", "percentile"))
    return parser


def _arguments() -> argparse.Namespace:
    parser = options_of_a_model(__doc__)
    parser.add_argument("--images", type=int, default=400, help="for each emulated processor")
    parser.add_argument("--emulate", action="append", default=[], help="a command that runs Python elsewhere")
    return parser.parse_args()


if __name__ == "__main__":
    main()
