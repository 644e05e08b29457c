"""The knowledge of a layer whether the training step that it is traced for will be compiled."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import keras

_compiling = ContextVar("compiling", default=False)


@contextmanager
def compiled_step() -> Iterator[None]:
    """Within the block, a training step is traced that XLA compiles."""
    token = _compiling.set(True)
    try:
        yield
    finally:
        _compiling.reset(token)


def compiles() -> bool:
    """Whether XLA will compile what is traced now; else TensorFlow computes it operation by operation."""
    return bool(keras.backend.backend() == "jax" or _compiling.get())
