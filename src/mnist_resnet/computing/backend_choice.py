"""The backend that Keras runs on, known and refused before Keras is imported."""

import os
import sys
from importlib.util import find_spec

from mnist_resnet.errors import UserError

BACKEND_VARIABLE, DEFAULT_BACKEND = "KERAS_BACKEND", "tensorflow"
_BACKENDS = (DEFAULT_BACKEND, "jax")


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
        raise BackendError(f"{_received(name)}, but this project runs on tensorflow, or trains on jax. {_remedy()}")
    if name not in sys.modules and find_spec(name) is None:
        raise BackendError(f"{_received(name)}, which is not installed: `pip install {name}`, or: {_remedy()}")
    return name


def require_exporting_backend() -> None:
    """Refuse a backend that trains, but from which nothing can be exported.

    Raises:
        BackendError: If it is another than TensorFlow; with what works instead.
    """
    name = chosen_backend()
    if name != DEFAULT_BACKEND:
        raise BackendError(
            f"{_received(name)}, but exporting needs tensorflow. Run `kedro run --pipelines data,train` with it, "
            f"then `kedro run --pipelines export,evaluate` without it"
        )


def _received(name: str) -> str:
    if os.environ.get(BACKEND_VARIABLE) == name:
        return f"{BACKEND_VARIABLE}: received '{name}'"
    return f"Keras was imported before this project, with the backend '{name}' of its keras.json"


def _remedy() -> str:
    if os.environ.get(BACKEND_VARIABLE):
        return f"Unset {BACKEND_VARIABLE}, or set it to tensorflow"
    return f"Import mnist_resnet.computing.backend first, or set {BACKEND_VARIABLE}=tensorflow"
