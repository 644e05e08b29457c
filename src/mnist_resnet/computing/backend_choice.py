"""The backend that Keras runs on, known and refused before Keras is imported."""

import os
import sys
from collections.abc import Collection
from importlib.util import find_spec

from mnist_resnet.errors import UserError

BACKEND_VARIABLE, DEFAULT_BACKEND = "KERAS_BACKEND", "tensorflow"
_BACKENDS = (DEFAULT_BACKEND, "jax")
_PLATFORMS_VARIABLE = "JAX_PLATFORMS"


class BackendError(UserError, RuntimeError):
    """A backend of Keras that this project cannot use, or not for what is asked."""


def chosen_backend() -> str:
    """The backend that Keras has, if it is imported already, or else that KERAS_BACKEND asks for.

    The ``backend`` in ``~/.keras/keras.json`` is no choice for this project: see ``backend``.

    Raises:
        BackendError: If it is neither ``tensorflow`` nor ``jax``, or not installed.
    """
    imported = sys.modules.get("keras")
    name: str = imported.config.backend() if imported else os.environ.get(BACKEND_VARIABLE) or DEFAULT_BACKEND
    if name not in _BACKENDS:
        raise BackendError(f"{_received(name)}, but this project runs on tensorflow or jax. {_remedy()}")
    if name not in sys.modules and find_spec(name) is None:
        raise BackendError(f"{_received(name)}, which is not installed: `pip install {name}`, or: {_remedy()}")
    return name


def require_exporting_backend() -> None:
    """Refuse a backend whose networks cannot be exported, or not be checked against what is exported.

    Raises:
        BackendError: As ``chosen_backend``; and if JAX may not compute on the CPU, on which exports are checked.
    """
    platforms = os.environ.get(_PLATFORMS_VARIABLE)
    if chosen_backend() == "jax" and platforms and "cpu" not in platforms.split(","):
        raise BackendError(
            f"{_PLATFORMS_VARIABLE}: received '{platforms}', but exports are checked on the CPU. Unset it, or set "
            f"it to {platforms},cpu"
        )


def backends_of(pipelines: Collection[str], *, several_hosts: bool = False) -> dict[str, str]:
    """The backend of each pipeline that computes by one; whatever trains, TensorFlow exports.

    Args:
        pipelines: Their names.
        several_hosts: Whether a training is on several hosts, which JAX does whatever is chosen here.
    """
    trained_by = {"train": "jax" if several_hosts else chosen_backend()} if "train" in pipelines else {}
    return trained_by | ({"export": DEFAULT_BACKEND} if "export" in pipelines else {})


def _received(name: str) -> str:
    if os.environ.get(BACKEND_VARIABLE) == name:
        return f"{BACKEND_VARIABLE}: received '{name}'"
    return f"Keras was imported before this project, with the backend '{name}' of its keras.json"


def _remedy() -> str:
    if os.environ.get(BACKEND_VARIABLE):
        return f"Unset {BACKEND_VARIABLE}, or set it to tensorflow"
    return f"Import mnist_resnet.computing.backend first, or set {BACKEND_VARIABLE}=tensorflow"
