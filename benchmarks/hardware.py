"""What a figure was measured on: shown beside every table."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

_PACKAGES = ("tensorflow", "keras", "onnxruntime-gpu", "kedro", "mlflow")


def describe_machine() -> str:
    """Processor, cores, Python and package versions in one sentence."""
    information = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.split(":", 1)[1].strip() for line in information.splitlines() if line.startswith("model name")]
    processor = names[0] if names else platform.processor()
    packages = ", ".join(f"{package} {version(package)}" for package in _PACKAGES)
    return f"{processor}, {os.cpu_count()} cores; Python {platform.python_version()}, {packages}"
