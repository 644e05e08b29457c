"""Where and how exactly TensorFlow computes: devices, precision, determinism."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from mnist_resnet.backend import keras
from mnist_resnet.config import TrainingParameters

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
            a GPU has the units for it, else float32.
    """
    before = keras.config.dtype_policy()
    keras.backend.clear_session()
    keras.utils.set_random_seed(parameters.seed)
    if parameters.deterministic:
        _make_deterministic()
    capability, device = _device()
    precision = _automatic_precision(capability) if parameters.precision == "auto" else parameters.precision
    _announce(device, precision)
    keras.config.set_dtype_policy(precision)
    try:
        yield Runtime(device, precision)
    finally:
        keras.config.set_dtype_policy(before)


def _make_deterministic() -> None:
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()


@cache
def _device() -> tuple[tuple[int, int] | None, str]:
    """The compute capability (None for a CPU) and the name of the device in use."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return None, f"the CPU ({os.cpu_count()} cores)"
    details: dict[str, Any] = tf.config.experimental.get_device_details(gpus[0])
    return details.get("compute_capability", (0, 0)), details.get("device_name", "a GPU")


def _automatic_precision(capability: tuple[int, int] | None) -> str:
    if capability is None or capability < (7, 0):
        return "float32"
    return "mixed_bfloat16" if capability >= (8, 0) else "mixed_float16"


@cache
def _announce(device: str, precision: str) -> None:
    logger.info("Training on %s in %s", device, precision)
