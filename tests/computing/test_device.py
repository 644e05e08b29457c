import os
import subprocess
import sys
from pathlib import Path

import pytest

import mnist_resnet.computing.backend  # noqa: F401 - it asks for the true GPUs
from mnist_resnet.computing.device import DeviceError, require_gpu

FIND = """
import logging
import sys
logging.basicConfig(stream=sys.stdout, format="%(levelname)s %(message)s")
logging.getLogger("mnist_resnet").setLevel(logging.INFO)
from mnist_resnet.computing.device import found_device
print(found_device())
print(found_device().kind)
"""
REQUIRE = """
import sys
from mnist_resnet.computing.device import DeviceError, require_gpu
try:
    require_gpu("training.require_gpu")
except DeviceError as error:
    print(error, "tensorflow" in sys.modules)
"""


def told(program: str, **variables: str) -> str:
    """What a new process prints."""
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, check=True)
    assert ended.stderr == "" or variables.get("KERAS_BACKEND") == "jax"
    return ended.stdout


@pytest.mark.landing
def test_a_driver_without_a_usable_gpu_is_told_with_tensorflows_reason(driver: Path) -> None:
    warning, device, kind = told(FIND, LD_LIBRARY_PATH=str(driver)).splitlines()
    assert warning.startswith("WARNING An NVIDIA driver is here, but tensorflow can use no GPU and computes on the CPU")
    assert "failed call to cuInit" in warning
    assert "made unusable" in warning
    assert "make training-gpu" in warning
    assert (device.split("(")[0], kind) == ("ComputingDevice", "CPU")


@pytest.mark.slow
def test_a_driver_without_a_usable_gpu_is_told_with_jaxs_reason(driver: Path) -> None:
    warning, _, kind = told(FIND, LD_LIBRARY_PATH=str(driver), KERAS_BACKEND="jax").splitlines()
    assert warning.startswith("WARNING An NVIDIA driver is here, but jax can use no GPU and computes on the CPU")
    assert "cuda" in warning.partition("It says: ")[2].partition(". Install")[0]
    assert kind == "CPU"


@pytest.mark.slow
@pytest.mark.parametrize("variables", [{"CUDA_VISIBLE_DEVICES": "-1"}, {"LD_LIBRARY_PATH": ""}])
def test_nothing_is_told_where_there_is_no_driver_or_its_gpus_are_hidden(driver: Path, variables) -> None:
    assert told(FIND, **{"LD_LIBRARY_PATH": str(driver), **variables}).splitlines()[1:] == ["CPU"]


@pytest.mark.slow
def test_a_gpu_that_cannot_be_used_is_refused_with_the_reason(driver: Path) -> None:
    refusal = told(REQUIRE, LD_LIBRARY_PATH=str(driver))
    assert refusal.startswith("training.require_gpu is true, but tensorflow can use no GPU: it says: ")
    assert "failed call to cuInit" in refusal


@pytest.mark.parametrize("variables", [{"CUDA_VISIBLE_DEVICES": "-1"}, {"LD_LIBRARY_PATH": ""}])
def test_without_a_driver_or_visible_gpus_it_is_refused_without_tensorflow(driver: Path, variables) -> None:
    refusal = told(REQUIRE, **{"LD_LIBRARY_PATH": str(driver), **variables})
    assert refusal.startswith("training.require_gpu is true, but tensorflow can use no GPU: ")
    assert refusal.endswith("or set training.require_gpu to false False\n")


def test_a_gpu_that_is_there_is_let_pass(monkeypatch) -> None:
    monkeypatch.setattr("mnist_resnet.computing.device.driver_loads", lambda: True)
    monkeypatch.setattr("tensorflow.config.list_physical_devices", lambda _: ["a GPU"])
    monkeypatch.setattr("tensorflow.config.experimental.get_device_details", lambda _: {"compute_capability": (9, 0)})
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    require_gpu("training.require_gpu")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(DeviceError, match="CUDA_VISIBLE_DEVICES= hides all GPUs"):
        require_gpu("training.require_gpu")
