"""The installed package of onnxruntime, in folders that hold nothing but what pip writes of a package."""

import subprocess
import sys
from pathlib import Path

import pytest

from mnist_resnet.evaluation.package import FOR_CPU, WITH_CUDA, onnxruntime_package

SCRIPT = """
import sys
from importlib import metadata
from mnist_resnet.evaluation.package import onnxruntime_package
sys.path[:] = [sys.argv[1]]
try:
    print(onnxruntime_package())
except ImportError as error:
    print(f"{type(error).__name__}: {error}")
"""


def ask(folder: Path, *packages: str) -> str:
    """The answer where these packages alone are installed."""
    for name in packages:
        described = folder / f"{name.replace('-', '_')}-1.26.0.dist-info"
        described.mkdir()
        (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.26.0\n", encoding="utf-8")
        (described / "top_level.txt").write_text("onnxruntime\n", encoding="utf-8")
        (folder / "onnxruntime").mkdir(exist_ok=True)
        (folder / "onnxruntime" / "__init__.py").touch()
    command = [sys.executable, "-c", SCRIPT, str(folder)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout.strip()


@pytest.mark.parametrize("package", [FOR_CPU, WITH_CUDA, "onnxruntime-openvino"])
def test_the_installed_package_is_named(tmp_path: Path, package: str) -> None:
    assert ask(tmp_path, package) == package


def test_both_packages_at_once_are_refused_with_the_remedy(tmp_path: Path) -> None:
    answer = ask(tmp_path, FOR_CPU, WITH_CUDA)
    assert answer.startswith("OnnxruntimeError: onnxruntime and onnxruntime-gpu are both installed")
    assert "pip uninstall onnxruntime onnxruntime-gpu" in answer


def test_none_is_refused_with_the_extras_that_bring_one(tmp_path: Path) -> None:
    answer = ask(tmp_path)
    assert answer.startswith("OnnxruntimeError: onnxruntime is not installed")
    assert "mnist-resnet[cpu]" in answer
    assert "mnist-resnet[gpu]" in answer


def test_one_is_installed_here() -> None:
    assert onnxruntime_package() in {FOR_CPU, WITH_CUDA}
