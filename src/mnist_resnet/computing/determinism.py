"""Determinism of the backend's operations, for the time of one training."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from mnist_resnet.computing.backend import keras
from mnist_resnet.computing.cuda_libraries import driver_loads
from mnist_resnet.computing.variables import set_variables
from mnist_resnet.terminal.messages import log_once

logger = logging.getLogger(__name__)

_FLAGS, _FLAG = "XLA_FLAGS", "--xla_gpu_deterministic_ops"


@contextmanager
def deterministic_operations(asked: bool) -> Iterator[None]:
    """Hold the backend to operations that give equal results from equal inputs, within the block.

    TensorFlow can switch it at any time. JAX reads it once, from ``XLA_FLAGS``, when it first looks for devices, so
    what the first block of a process has asked for holds for all of it. On a CPU it does not matter to JAX.

    Args:
        asked: Whether they are asked for.
    """
    if keras.backend.backend() == "jax":
        with _in_flags(asked):
            yield
        return
    # TensorFlow offers the way back only here.
    from tensorflow.python.framework import config

    switched = asked and not config.is_op_determinism_enabled()
    if switched:
        config.enable_op_determinism()
    try:
        yield
    finally:
        if switched:
            config.disable_op_determinism()


def are_deterministic() -> bool:
    """Whether the operations of the backend give equal results from equal inputs now."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.devices()[0].platform == "cpu" or _jax_started_with_flag
    from tensorflow.python.framework import config

    return bool(config.is_op_determinism_enabled())


_jax_started_with_flag = False


@contextmanager
def _in_flags(asked: bool) -> Iterator[None]:
    """State the flag for JAX's start, unless the user has decided it, and put XLA_FLAGS back."""
    flags = os.environ.get(_FLAGS)
    if not _jax_has_started() and asked and driver_loads() and _FLAG not in (flags or ""):
        flags = f"{flags or ''} {_FLAG}=true".strip()
    with set_variables({_FLAGS: flags}):
        if not _jax_has_started():
            _start_jax()
        _tell_what_cannot_be_changed(asked)
        yield


def _start_jax() -> None:
    global _jax_started_with_flag  # noqa: PLW0603 - as JAX has it, once for the process
    import jax

    jax.devices()
    _jax_started_with_flag = not {_FLAG, f"{_FLAG}=true", f"{_FLAG}=1"}.isdisjoint(os.environ.get(_FLAGS, "").split())


def _jax_has_started() -> bool:
    # JAX offers no other way to ask.
    from jax._src import xla_bridge

    return bool(xla_bridge.backends_are_initialized())


def _tell_what_cannot_be_changed(asked: bool) -> None:
    if asked and not are_deterministic():
        log_once(
            logger,
            f"training.deterministic: received true, but JAX has started without {_FLAG} in this process, so equal "
            f"runs may give unequal weights. Start a new process for this training, or set {_FLAGS}={_FLAG}=true",
            logging.WARNING,
        )
    elif not asked and _jax_started_with_flag:
        log_once(
            logger,
            f"training.deterministic: received false, but JAX has started with {_FLAG} in this process, so this "
            f"training is deterministic, too, and may be slower",
        )
