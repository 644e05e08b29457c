"""onnxruntime's CUDA provider: whether it loads, and its settings."""

import ctypes
from functools import cache

from mnist_resnet.config import CudaParameters

_MIB = 1024**2


@cache
def cuda_loads() -> bool:
    """Whether the driver is here; if so, the libraries of CUDA that come as Python packages are loaded."""
    import onnxruntime

    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    onnxruntime.preload_dlls()
    return True


def cuda_options(parameters: CudaParameters) -> dict[str, str]:
    """The provider's options, in its own words, which are all text."""
    options = {
        "arena_extend_strategy": "kSameAsRequested",
        "cudnn_conv_algo_search": parameters.algorithm_search.upper(),
        "enable_cuda_graph": _switch(parameters.graphs),
        "cudnn_conv_use_max_workspace": _switch(parameters.largest_workspace),
        "prefer_nhwc": _switch(parameters.channels_last),
        "use_tf32": _switch(parameters.tf32),
    }
    if parameters.memory_limit is not None:
        options["gpu_mem_limit"] = str(parameters.memory_limit * _MIB)
    return options


def _switch(on: bool) -> str:
    return "1" if on else "0"
