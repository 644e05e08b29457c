"""TensorFloat-32 for the time of one training: products of float32 that lose 13 of 23 bits on GPUs since Ampere."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mnist_resnet.computing.backend import keras

_EXACT = "float32"


@contextmanager
def tf32_products(allowed: bool) -> Iterator[None]:
    """Allow or forbid the backend to use TF32 within the block; a CPU never does.

    Args:
        allowed: Whether products of float32 may be rounded so. If they may, JAX keeps the precision that the user has
            set for it.
    """
    before = _setting()
    _set((before if allowed else _EXACT) if keras.backend.backend() == "jax" else allowed)
    try:
        yield
    finally:
        _set(before)


def tf32_allowed() -> bool:
    """Whether the backend may use TF32 now, if its device can."""
    return os.environ.get("NVIDIA_TF32_OVERRIDE") != "0" and _setting() not in {False, _EXACT, "highest"}


def _setting() -> Any:
    """TensorFlow's switch, or the precision that JAX multiplies with, which is None if nobody has set it."""
    if keras.backend.backend() == "jax":
        return _jax_config().jax_default_matmul_precision
    import tensorflow as tf

    return tf.config.experimental.tensor_float_32_execution_enabled()


def _set(value: Any) -> None:
    if keras.backend.backend() == "jax":
        _jax_config().update("jax_default_matmul_precision", value)
    else:
        import tensorflow as tf

        tf.config.experimental.enable_tensor_float_32_execution(value)


def _jax_config() -> Any:
    import jax

    return jax.config
