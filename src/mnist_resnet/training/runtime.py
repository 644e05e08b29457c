"""The device, precision and determinism of one training."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from mnist_resnet.computing.backend import keras
from mnist_resnet.computing.processor import multiplies_bfloat16, offered_instruction_sets
from mnist_resnet.config import TrainingParameters
from mnist_resnet.terminal.once import log_once

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Runtime:
    """What training runs on: a device in words, and the Keras precision policy."""

    device: str
    precision: str


@contextmanager
def runtime(parameters: TrainingParameters) -> Iterator[Runtime]:
    """Prepare this process for one training: seeds, determinism and precision.

    Precision applies to layers built inside the block and is put back after it.

    Args:
        parameters: ``seed``, ``deterministic`` and ``precision``; ``auto`` is mixed precision where
            the device has the units for it, else float32.
    """
    before = keras.config.dtype_policy()
    keras.backend.clear_session()
    keras.utils.set_random_seed(parameters.seed)
    if parameters.deterministic and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    found = _found()
    used = found if parameters.precision == "auto" else replace(found, precision=parameters.precision)
    log_once(logger, f"Training on {used.device} in {used.precision}")
    keras.config.set_dtype_policy(used.precision)
    try:
        with _forgotten_gradients():
            yield used
    finally:
        keras.config.set_dtype_policy(before)


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


def _found() -> Runtime:
    """The device that the backend computes on, and the compact precision that it has units for, if any."""
    if keras.backend.backend() == "jax":
        return _found_by_jax()
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        # bfloat16 pays where the processor multiplies it (AMX, AVX-512); elsewhere it costs as much as float32.
        compact = multiplies_bfloat16(offered_instruction_sets(), os.environ)
        return Runtime(f"the CPU ({os.cpu_count()} cores)", "mixed_bfloat16" if compact else "float32")
    details: dict[str, Any] = tf.config.experimental.get_device_details(gpus[0])
    return Runtime(details.get("device_name", "a GPU"), _precision_of_gpu(details.get("compute_capability", (0, 0))))


def _found_by_jax() -> Runtime:
    import jax

    device = jax.devices()[0]
    if device.platform != "gpu":
        return Runtime(f"the {device.platform.upper()} ({os.cpu_count()} cores), by JAX", "float32")
    major, minor = device.compute_capability.split(".")
    return Runtime(f"{device.device_kind}, by JAX", _precision_of_gpu((int(major), int(minor))))


def _precision_of_gpu(capability: tuple[int, int]) -> str:
    if capability < (7, 0):
        return "float32"
    return "mixed_bfloat16" if capability >= (8, 0) else "mixed_float16"
