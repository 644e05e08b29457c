"""NVIDIA's driver, and the libraries of CUDA that are installed as Python packages."""

import ctypes
import logging
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

logger = logging.getLogger(__name__)

_DRIVER, _CUSOLVER = "libcuda.so.1", "libcusolver.so.11"


def driver_loads() -> bool:
    """Whether the library of NVIDIA's driver can be loaded; it does not tell whether a GPU can be used."""
    return not driver_fault()


def driver_fault() -> str:
    """Why the library of NVIDIA's driver cannot be loaded, in the system's words; empty if it can."""
    try:
        ctypes.CDLL(_DRIVER)
    except OSError as error:
        return str(error)
    return ""


def gpus_hidden(environment: Mapping[str, str]) -> bool:
    """Whether the user has hidden all GPUs from CUDA.

    Args:
        environment: Such as ``os.environ``.
    """
    return environment.get("CUDA_VISIBLE_DEVICES", "0").strip() in {"", "-1", "NoDevFiles"}


def load_cusolver() -> None:
    """Load cuSOLVER where it is installed as a Python package and a driver is here.

    It must precede TensorFlow's import. TensorFlow 2.21 opens each library of CUDA by its bare name and looks in the
    folders of the other packages, but not in this one's; without it, it uses no GPU at all. A library that is loaded
    already is found by its name (https://github.com/tensorflow/tensorflow/issues/117538).
    """
    path = _cusolver()
    if path is None or not driver_loads():
        return
    try:
        ctypes.CDLL(str(path))
    except OSError as error:
        logger.warning("%s cannot be loaded, so TensorFlow may find no GPU: %s", path, error)


def _cusolver() -> Path | None:
    """The library's path, found without importing anything."""
    package = find_spec("nvidia")
    folders = package.submodule_search_locations if package else None
    paths = (Path(folder) / "cusolver" / "lib" / _CUSOLVER for folder in folders or ())
    return next((path for path in paths if path.exists()), None)
