"""The machine and the versions that a figure was measured on, shown beside every table, and what it can multiply."""

import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

from side_by_side import last_line

from mnist_resnet.evaluation.package import onnxruntime_package


def describe_machine() -> str:
    """Processor, cores, Python and package versions in one sentence."""
    information = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    models = [line.split(":", 1)[1].strip() for line in information.splitlines() if line.startswith("model name")]
    processor = models[0] if models else platform.processor()
    names = ("tensorflow", "keras", onnxruntime_package(), "kedro", "mlflow")
    packages = ", ".join(f"{name} {version(name)}" for name in names)
    return f"{processor}, {os.cpu_count()} cores; Python {platform.python_version()}, {packages}"


def matrix_products() -> dict[str, float]:
    """GFLOP/s of the fastest matrix product by precision; one that TensorFlow cannot multiply in is left out."""
    script, found = Path(__file__).with_name("matrix_product.py"), dict[str, float]()
    for precision in ("float32", "bfloat16"):
        try:
            found[precision] = last_line([sys.executable, script, precision])
        except RuntimeError as error:
            print(f"matrix product, {precision}: left out: {error}", file=sys.stderr, flush=True)
    return found
