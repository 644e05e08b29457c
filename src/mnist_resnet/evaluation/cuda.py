"""The settings of onnxruntime's CUDA provider."""

from mnist_resnet.config import CudaParameters

_MIB = 1024**2


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
