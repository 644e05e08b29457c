"""The package that onnxruntime is installed from: the one for CPUs, or the one with CUDA."""

from importlib import metadata
from importlib.util import find_spec

from mnist_resnet.errors import UserError

FOR_CPU, WITH_CUDA = "onnxruntime", "onnxruntime-gpu"


class OnnxruntimeError(UserError, ImportError):
    """onnxruntime is not installed, or twice."""


def onnxruntime_package() -> str:
    """The name of the installed package that has the module ``onnxruntime``.

    Raises:
        OnnxruntimeError: If there is none, or both that this project knows: each overwrites the other's files, and CUDA
            is there or not by the order in which they came.
    """
    installed = [name for name in (FOR_CPU, WITH_CUDA) if is_installed(name)]
    if len(installed) > 1:
        raise OnnxruntimeError(
            f"{FOR_CPU} and {WITH_CUDA} are both installed, and overwrite each other. Run `pip uninstall {FOR_CPU} "
            f"{WITH_CUDA}`, then `pip install 'mnist-resnet[cpu]'`, or `'mnist-resnet[gpu]'` for CUDA"
        )
    if installed:
        return installed[0]
    if find_spec("onnxruntime") is None:
        raise OnnxruntimeError(
            "onnxruntime is not installed. Run `make install` in a clone; with pip, `pip install 'mnist-resnet[cpu]'`, "
            "or `'mnist-resnet[gpu]'` for CUDA"
        )
    return metadata.packages_distributions()["onnxruntime"][0]  # a maker's own build


def is_installed(package: str) -> bool:
    """Whether a package is installed, by its name in an index of packages."""
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True
