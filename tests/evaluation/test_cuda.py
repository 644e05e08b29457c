"""Whether CUDA can be used, with onnxruntime's part in it played, and with a driver that is none."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest

from mnist_resnet.evaluation.cuda import CUDA_PROVIDER, Obstacle, cuda_obstacle

# What onnxruntime 1.26 says where the package of cuBLAS is missing, and with a driver that finds no GPU.
LIBRARY_MISSING = (
    "2026-11-25 22:50:06 [E:onnxruntime:Default, provider_bridge_ort.cc:2369 TryGetProviderInfo_CUDA] Failed to load "
    "library /somewhere/libonnxruntime_providers_cuda.so with error: libcublasLt.so.12: cannot open shared object "
    "file: No such file or directory\n[W:onnxruntime:Default] Failed to create CUDAExecutionProvider.\n"
)
NO_DEVICE = (
    "/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc:114 CUDA failure 100: no CUDA-capable device is "
    "detected ; GPU=-1 ; hostname=vm ; file=cuda_execution_provider.cc ; line=336 ; expr=cudaSetDevice(); \n\n"
)
# A process in which the driver loads, as where a container has its library but no GPU.
WITH_A_DRIVER = """
import logging
import onnxruntime
from mnist_resnet.evaluation.cuda import cuda_obstacle
from mnist_resnet.evaluation.providers import ProviderError
from mnist_resnet.evaluation.session import open_session
from tests.made_model import halves_model

logging.basicConfig(format="%(levelname)s %(message)s")
providers = ["CUDAExecutionProvider", "CPUExecutionProvider"]
onnxruntime.get_available_providers = lambda: providers
assert not cuda_obstacle().expected
for _ in range(2):
    print(open_session(halves_model(), providers).provider)
try:
    open_session(halves_model(), providers, require_gpu=True)
except ProviderError as error:
    print(error)
"""


@pytest.fixture(autouse=True)
def nothing_remembered():
    cuda_obstacle.cache_clear()
    yield
    cuda_obstacle.cache_clear()


@pytest.fixture
def driver(monkeypatch):
    """As where the driver loads and onnxruntime has the provider; ``opened`` then makes its sessions."""

    def driver(opened) -> None:
        monkeypatch.setattr("ctypes.CDLL", lambda _: None)
        monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: sys.stdout.write("Failed to load libcudart.so.12"))
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA_PROVIDER, "CPUExecutionProvider"])
        monkeypatch.setattr(onnxruntime, "InferenceSession", opened)

    return driver


def computing(answer: float, provider: str = CUDA_PROVIDER) -> SimpleNamespace:
    return SimpleNamespace(get_providers=lambda: [provider], run=lambda *_: [np.array(answer)])


def test_a_provider_that_computes_can_be_used(driver, capfd):
    asked = []

    def opened(content, options, **others):
        asked.append(others)
        os.write(2, b"chatter")
        return computing(6.0)

    driver(opened)
    assert [cuda_obstacle(), cuda_obstacle()] == [None, None]
    [(settings)] = asked
    assert [name for name, _ in settings["providers"]] == [CUDA_PROVIDER]
    assert settings["enable_fallback"] == 0
    assert "".join(capfd.readouterr()) == ""


def test_what_is_tried_first_is_right_on_the_cpu(driver, monkeypatch):
    """The very model, by the processor, which stands for a GPU."""
    real = onnxruntime.InferenceSession

    def opened(content, options, providers, enable_fallback):
        session = real(content, options, providers=["CPUExecutionProvider"])
        return SimpleNamespace(get_providers=lambda: [CUDA_PROVIDER], run=session.run)

    driver(opened)
    assert cuda_obstacle() is None


def test_without_the_provider_in_onnxruntime_there_is_nothing_to_try(driver, monkeypatch):
    driver(None)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    assert cuda_obstacle() == Obstacle("this onnxruntime is built without it", expected=True)


def test_without_a_driver_there_is_nothing_to_try(driver, monkeypatch):
    def refuse(name):
        raise OSError(f"{name}: no such file")

    driver(None)
    monkeypatch.setattr("ctypes.CDLL", refuse)
    assert cuda_obstacle() == Obstacle("the NVIDIA driver does not load: libcuda.so.1: no such file", expected=True)


def test_a_missing_library_is_named_and_onnxruntime_shows_nothing(driver, capfd):
    def opened(*_, **__):
        os.write(2, LIBRARY_MISSING.encode())
        return computing(6.0, "CPUExecutionProvider")

    driver(opened)
    missing = "libcublasLt.so.12: cannot open shared object file: No such file or directory"
    assert cuda_obstacle() == Obstacle(missing, expected=False)
    assert "".join(capfd.readouterr()) == ""


def test_a_missing_gpu_is_named(driver, capfd):
    def opened(*_, **__):
        raise RuntimeError(NO_DEVICE)

    driver(opened)
    assert cuda_obstacle() == Obstacle("CUDA failure 100: no CUDA-capable device is detected", expected=False)
    assert "".join(capfd.readouterr()) == ""


def test_a_long_reason_is_cut(driver):
    def opened(*_, **__):
        raise RuntimeError("Failed to initialize CUDNN Frontend " + "{} " * 1000)

    driver(opened)
    reason = cuda_obstacle().reason
    assert reason.startswith("Failed to initialize CUDNN Frontend {}")
    assert len(reason) <= 200


def test_what_computes_wrongly_cannot_be_used(driver):
    driver(lambda *_, **__: computing(0.0))
    assert cuda_obstacle().reason.startswith("it computed 2 · 3 = 0.0")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has this driver")
def test_a_driver_without_a_usable_gpu_is_a_warning_and_refused_where_one_is_required(tmp_path: Path):
    """Its library is here and can be loaded, and has nothing of CUDA's."""
    maps = Path("/proc/self/maps").read_text(encoding="utf-8")
    (tmp_path / "libcuda.so.1").symlink_to(next(line.split()[-1] for line in maps.splitlines() if "/libm." in line))
    ended = subprocess.run(
        [sys.executable, "-c", WITH_A_DRIVER],
        env=os.environ | {"LD_LIBRARY_PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    *providers, refused = ended.stdout.splitlines()
    assert providers == ["CPUExecutionProvider"] * 2
    assert refused.startswith("evaluation.require_gpu is true, but CPUExecutionProvider would run the model")
    [warning] = ended.stderr.splitlines()
    assert warning.startswith("WARNING onnxruntime uses CPUExecutionProvider, since CUDAExecutionProvider cannot be")
