"""The device, precision and determinism of one training."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from mnist_resnet.computing.backend import keras
from mnist_resnet.computing.determinism import are_deterministic, deterministic_operations
from mnist_resnet.computing.device import ComputingDevice, found_device, require_gpu
from mnist_resnet.computing.keras_settings import keras_settings_put_back
from mnist_resnet.computing.processor import multiplies_bfloat16, offered_instruction_sets
from mnist_resnet.computing.tf32 import tf32_allowed, tf32_products
from mnist_resnet.config import TrainingParameters
from mnist_resnet.terminal.messages import log_once
from mnist_resnet.training.distribution import devices_in_use, distribute
from mnist_resnet.training.events import TrainingDevice

logger = logging.getLogger(__name__)

_ASKED = ("precision", "tf32", "deterministic", "require_gpu", "devices", "hosts")


@contextmanager
def runtime(parameters: TrainingParameters) -> Iterator[TrainingDevice]:
    """Prepare this process for one training: seeds, determinism, TF32, precision and devices.

    All but the seeds is put back after the block. Precision and devices are those of layers built inside it.

    Args:
        parameters: ``seed``, ``deterministic``, ``tf32``, ``require_gpu`` and ``precision``; ``auto`` is mixed
            precision where the device has the units for it, else float32. Who asks for float32 gets no TF32. Each
            batch is shared by ``devices``.

    Raises:
        DeviceError: If ``require_gpu`` is set and there is no GPU that the backend can use; if there are fewer
            devices than are asked for, or they cannot share a batch.
    """
    with (
        keras_settings_put_back(),
        deterministic_operations(parameters.deterministic),
        tf32_products(parameters.tf32 and parameters.precision != "float32"),
        _forgotten_gradients(),
    ):
        keras.backend.clear_session()
        keras.utils.set_random_seed(parameters.seed)
        if parameters.require_gpu:
            require_gpu("training.require_gpu")
        asked = parameters.precision
        keras.config.set_dtype_policy(_suitable_precision(found_device()) if asked == "auto" else asked)
        distribute(parameters)
        device = device_in_use(parameters)
        by = ", by JAX" if device.backend == "jax" else ""
        log_once(logger, f"Training on {device.names()}{by} in {device.precision}")
        yield device


@contextmanager
def layers_in(precision: str) -> Iterator[None]:
    """Build layers in a precision within the block, of a network that was trained elsewhere.

    Args:
        precision: A Keras precision policy.
    """
    with keras_settings_put_back():
        keras.backend.clear_session()
        keras.config.set_dtype_policy(precision)
        yield


def device_in_use(parameters: TrainingParameters) -> TrainingDevice:
    """The device and the settings that this process computes with now.

    Args:
        parameters: What is asked for.
    """
    device = found_device()
    has_tf32 = device.kind == "GPU" and device.capability >= (8, 0)
    return TrainingDevice(
        name=device.name,
        kind=device.kind,
        backend=device.backend,
        precision=keras.config.dtype_policy().name,
        tf32=has_tf32 and tf32_allowed(),
        deterministic=are_deterministic(),
        asked={name: getattr(parameters, name) for name in _ASKED},
        count=devices_in_use(),
    )


@contextmanager
def _forgotten_gradients() -> Iterator[None]:
    """Let go of a training when it is over.

    TensorFlow registers the gradient of every optimizer's step by name, for as long as the process lives, and with it
    keeps the step's graph and the data that were fed: memory and open files that grow with each training.
    """
    if keras.backend.backend() != "tensorflow":
        yield
        return
    from tensorflow.python.framework.ops import gradient_registry

    registered = gradient_registry._registry
    before = set(registered)
    try:
        yield
    finally:
        for name in registered.keys() - before:
            if name.startswith("CustomGradient-"):
                del registered[name]


def _suitable_precision(device: ComputingDevice) -> str:
    """The compact precision that a device has units for, if any."""
    if device.kind == "GPU" and device.capability >= (7, 0):
        return "mixed_bfloat16" if device.capability >= (8, 0) else "mixed_float16"
    # bfloat16 pays where the processor multiplies it (AMX, AVX-512); elsewhere it costs as much as float32.
    on_cpu = device.kind == "CPU" and device.backend == "tensorflow"
    compact = on_cpu and multiplies_bfloat16(offered_instruction_sets(), os.environ)
    return "mixed_bfloat16" if compact else "float32"
