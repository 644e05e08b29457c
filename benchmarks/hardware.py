"""The machine and the versions that a figure was measured on, shown beside every table."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

from mnist_resnet.evaluation.package import onnxruntime_package


def describe_machine() -> str:
    """Processor, cores, Python and package versions in one sentence."""
    information = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    models = [line.split(":", 1)[1].strip() for line in information.splitlines() if line.startswith("model name")]
    processor = models[0] if models else platform.processor()
    names = ("tensorflow", "keras", onnxruntime_package(), "kedro", "mlflow")
    packages = ", ".join(f"{name} {version(name)}" for name in names)
    return f"{processor}, {os.cpu_count()} cores; Python {platform.python_version()}, {packages}"
