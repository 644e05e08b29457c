"""The device that the backend computes on."""

import logging
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from typing import Any

from mnist_resnet.computing.backend_choice import chosen_backend
from mnist_resnet.computing.cuda_libraries import driver_loads, gpus_hidden
from mnist_resnet.computing.processor import asked_threads, usable_cores
from mnist_resnet.errors import UserError
from mnist_resnet.terminal.messages import log_once

logger = logging.getLogger(__name__)

# cuDNN 9.11 and later have no code for older GPUs.
_OLDEST_CAPABILITY = (7, 5)
_TIMEOUT_SECONDS = 300
# Programs that say why there is no GPU. What a backend writes at its start is held back here, and most of it unsaid.
_ASKED_AGAIN = {
    "tensorflow": "from mnist_resnet.computing.cuda_libraries import load_cusolver\nload_cusolver()\n"
    "import tensorflow\ntensorflow.config.list_physical_devices('GPU')",
    "jax": "import jax\njax.devices('cuda')",
}
_ALL_IS_TOLD = {"TF_CPP_MIN_LOG_LEVEL": "0", "TF_CPP_VMODULE": "dso_loader=1"}
_TELLING = ("cuda", "gpu", "cannot dlopen", "could not load", "cudnn", "nvidia")


class DeviceError(UserError, RuntimeError):
    """A device that is asked for cannot be used."""


@dataclass(frozen=True, kw_only=True)
class ComputingDevice:
    """A device of the backend.

    Attributes:
        name: In words, such as ``NVIDIA H100 80GB HBM3`` or ``the CPU (2 cores)``.
        kind: ``CPU``, ``GPU``, or what else JAX has.
        backend: ``tensorflow`` or ``jax``.
        capability: NVIDIA's compute capability; (0, 0) where it is not told.
    """

    name: str
    kind: str
    backend: str
    capability: tuple[int, int] = (0, 0)


def found_device() -> ComputingDevice:
    """The device that the backend computes on: its first GPU, or else the CPU.

    A GPU that is there and cannot be used, or is too old for cuDNN, is warned of.
    """
    device = _first_device()
    if device.kind == "CPU" and driver_loads() and not gpus_hidden(os.environ):
        _warn(
            f"An NVIDIA driver is here, but {device.backend} can use no GPU and computes on the CPU, many times as "
            f"slowly. It says: {_words_of(device.backend)}. Install CUDA's libraries by `make training-gpu` (pip: the "
            f"extra `gpu`), or hide the GPU by CUDA_VISIBLE_DEVICES=-1; training.require_gpu: true makes this an error"
        )
    if (0, 0) < device.capability < _OLDEST_CAPABILITY:
        _warn(
            f"{device.name} has compute capability {'.'.join(map(str, device.capability))}, which is not supported: "
            f"cuDNN, as requirements-gpu.lock has it, needs 7.5 or more. Use a newer GPU, or install "
            f"'nvidia-cudnn-cu12<9.11'"
        )
    return device


def require_driver(key: str) -> None:
    """Refuse to compute where no GPU of NVIDIA can be used, as far as that is known without importing a backend.

    Args:
        key: The parameter that asks for a GPU.

    Raises:
        DeviceError: If TensorFlow is to use a driver that is not here, or the user has hidden all GPUs.
    """
    backend = chosen_backend()
    if backend == "tensorflow" and not driver_loads():
        raise _refusal(key, backend, "there is no NVIDIA driver: libcuda.so.1 cannot be loaded")
    if gpus_hidden(os.environ):
        raise _refusal(key, backend, f"CUDA_VISIBLE_DEVICES={os.environ['CUDA_VISIBLE_DEVICES']} hides all GPUs")


def require_gpu(key: str) -> None:
    """Refuse to compute on the CPU.

    Args:
        key: The parameter that asks for a GPU.

    Raises:
        DeviceError: If the backend can use no GPU; with the reason that it gives.
    """
    require_driver(key)
    backend = chosen_backend()
    if _first_device().kind == "CPU":
        raise _refusal(key, backend, f"it says: {_words_of(backend)}")


def _refusal(key: str, backend: str, reason: str) -> DeviceError:
    return DeviceError(
        f"{key} is true, but {backend} can use no GPU: {reason}. Install an NVIDIA driver and CUDA's libraries "
        f"(`make training-gpu`, or the extra `gpu`), or set {key} to false"
    )


def _first_device() -> ComputingDevice:
    from mnist_resnet.computing.backend import keras

    return _of_jax() if keras.backend.backend() == "jax" else _of_tensorflow()


def _of_tensorflow() -> ComputingDevice:
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return ComputingDevice(name=_cpu(asked_threads(os.environ)), kind="CPU", backend="tensorflow")
    details: dict[str, Any] = tf.config.experimental.get_device_details(gpus[0])
    name, capability = details.get("device_name", "a GPU"), details.get("compute_capability", (0, 0))
    return ComputingDevice(name=name, kind="GPU", backend="tensorflow", capability=capability)


def _of_jax() -> ComputingDevice:
    import jax

    device = jax.devices()[0]
    if device.platform != "gpu":
        name = _cpu() if device.platform == "cpu" else device.device_kind
        return ComputingDevice(name=name, kind=device.platform.upper(), backend="jax")
    major, _, minor = str(getattr(device, "compute_capability", "0.0")).partition(".")
    capability = (int(major), int(minor)) if major.isdigit() and minor.isdigit() else (0, 0)
    return ComputingDevice(name=device.device_kind, kind="GPU", backend="jax", capability=capability)


def _cpu(threads: int = 0) -> str:
    """The processor with the cores that compute: all that this process may use, unless fewer threads are asked for."""
    cores = usable_cores()
    counted = f"{threads} of {cores}" if 0 < threads < cores else cores
    return f"the CPU ({counted} {'core' if cores == 1 else 'cores'})"


@cache
def _words_of(backend: str) -> str:
    """Why a backend can use no GPU, in the words of a new process that starts it and is let speak."""
    command = [sys.executable, "-c", _ASKED_AGAIN[backend]]
    try:
        told = subprocess.run(
            command, env=os.environ | _ALL_IS_TOLD, capture_output=True, timeout=_TIMEOUT_SECONDS, check=False
        ).stderr.decode("utf-8", "replace")
    except (OSError, subprocess.SubprocessError) as error:
        return f"nothing ({error})"
    lines = [line.strip() for line in told.splitlines() if _is_telling(line.lower())]
    return " | ".join(dict.fromkeys(map(_without_time, lines))) or "nothing"


def _is_telling(line: str) -> bool:
    return any(sign in line for sign in _TELLING) and "successfully" not in line


def _without_time(line: str) -> str:
    """A line of a native log without the letter, the time and the process before it."""
    head, bracket, message = line.partition("] ")
    return message if bracket and head[:1] in "IWEF" and head[1:5].isdigit() else line


def _warn(message: str) -> None:
    log_once(logger, message, logging.WARNING)
