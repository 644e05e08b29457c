"""The lock files and what `make training-gpu` asks of a machine."""

import ctypes
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT

ONE_OF_TWO = {"onnxruntime", "onnxruntime-gpu"}
# TensorFlow, JAX and onnxruntime, each by a package that only its build for CUDA 12 brings or allows.
BUILDS_FOR_CUDA_12 = {"tensorflow": "2.21.", "jax-cuda12-plugin": "0.10.", "onnxruntime-gpu": "1.26."}
# Asks the driver, whatever its CUDA.
OF_ANY_CUDA = {"nvidia-ml-py"}


def locked(name: str) -> dict[str, str]:
    """The version of each package of a lock file."""
    return dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", (PROJECT / name).read_text(), re.MULTILINE))


def test_the_gpu_lock_has_one_cuda_for_all_three_libraries() -> None:
    packages = locked("requirements-gpu.lock")
    for name, version in BUILDS_FOR_CUDA_12.items():
        assert packages[name].startswith(version)
    assert packages["jax"] == packages["jaxlib"] == packages["jax-cuda12-plugin"]
    of_cuda = [name for name in packages if name.startswith("nvidia-") and name not in OF_ANY_CUDA]
    assert of_cuda
    assert [name for name in of_cuda if not name.endswith("-cu12")] == []
    assert [name for name in packages if "cuda13" in name or "cu13" in name] == []


def test_both_locks_agree_on_what_they_share() -> None:
    cpu, gpu = locked("requirements.lock"), locked("requirements-gpu.lock")
    assert {name: version for name, version in cpu.items() if gpu.get(name) != version}.keys() <= ONE_OF_TWO
    assert len(cpu.keys() & gpu.keys()) > 100


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-gpu.lock"])
@pytest.mark.parametrize(("adding", "wanted"), [("scale", {"ray", "optuna"}), ("docs", {"sphinx"})])
def test_a_lock_that_adds_packages_changes_none_that_is_installed_before(
    name: str, adding: str, wanted: set[str]
) -> None:
    added = locked(f"requirements-{adding}.lock")
    assert wanted <= added.keys()
    assert added.keys() & locked(name).keys() == set()


def has_driver() -> bool:
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return Path("/proc/driver/nvidia").exists()
    return True


@pytest.mark.skipif(has_driver(), reason="this machine has an NVIDIA driver")
def test_without_a_driver_training_gpu_stops_before_it_makes_anything(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "requirements.lock", "requirements-gpu.lock"):
        shutil.copy(PROJECT / name, tmp_path)
    programs = tmp_path / "bin"
    programs.mkdir()
    for program in ("sh", "cat", "test", "pwd"):  # and no nvidia-smi
        found = shutil.which(program)
        assert found
        (programs / program).symlink_to(found)
    command = [shutil.which("make") or "make", "-j2", "training-gpu", f"PYTHON={sys.executable}"]
    ended = subprocess.run(
        command, cwd=tmp_path, env={"PATH": str(programs)}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    reason, *_ = ended.stderr.splitlines()
    assert reason.startswith("There is no NVIDIA driver here")
    assert len([line for line in ended.stderr.splitlines() if not line.startswith("make: ")]) == 1
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize(
    ("goals", "lock"), [("install-gpu scale", "requirements-gpu.lock"), ("scale", "requirements.lock")]
)
def test_ray_is_added_to_the_packages_that_are_installed_in_the_same_command(
    goals: str, lock: str, tmp_path: Path
) -> None:
    command = [shutil.which("make") or "make", "--dry-run", *goals.split(), f"VENV={tmp_path}"]
    planned = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    assert re.findall(r"pip sync .* (\S+)$", planned, re.MULTILINE) == [lock]
    assert re.findall(r"-r (requirements\S+)$", planned, re.MULTILINE) == ["requirements-scale.lock"]
