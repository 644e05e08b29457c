"""onnxruntime's CUDA provider: what keeps a process from using it, and its settings."""

import re
import textwrap
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cache
from io import StringIO

import numpy as np

from mnist_resnet.computing.cuda_libraries import driver_fault
from mnist_resnet.computing.native_output import captured_native_output
from mnist_resnet.config import CudaParameters

CUDA_PROVIDER = "CUDAExecutionProvider"
_MIB = 1024**2
_LONGEST = 200

# What is worth repeating of onnxruntime's long messages.
_REASONS = (
    r"(CUDA failure \d+: [^;\n]*)",
    r"(CUDNN failure \d+: [^;\n]*)",
    r"Failed to load library .* with error: (.*)",
)


@dataclass(frozen=True)
class Obstacle:
    """What keeps this process from using CUDA.

    Attributes:
        reason: In words.
        expected: Whether the machine is simply not meant for it: no driver, or an onnxruntime for CPUs.
    """

    reason: str
    expected: bool


@cache
def cuda_obstacle() -> Obstacle | None:
    """What keeps this process from using CUDA; None if it computed one convolution.

    onnxruntime leaves a provider out whose libraries do not load, and goes on without it. So the provider is tried once
    by a model of its own, without any fallback, and what native code writes meanwhile becomes the reason.
    """
    import onnxruntime

    if CUDA_PROVIDER not in onnxruntime.get_available_providers():
        return Obstacle("this onnxruntime is built without it", expected=True)
    if fault := driver_fault():
        return Obstacle(f"the NVIDIA driver does not load: {fault}", expected=True)
    printed = StringIO()
    with captured_native_output() as held, redirect_stdout(printed):
        try:
            onnxruntime.preload_dlls()
            failed = _try_convolution()
        except Exception as error:  # noqa: BLE001  # of whatever kind, it is the reason
            failed = str(error)
        said = None if failed is None else f"{failed}\n{held()}\n{printed.getvalue()}"
    return None if said is None else Obstacle(shortened(said), expected=False)


def _try_convolution() -> str | None:
    """What is wrong with one convolution on the GPU; None if its result is right."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    provider = (CUDA_PROVIDER, {"arena_extend_strategy": "kSameAsRequested", "cudnn_conv_algo_search": "DEFAULT"})
    session = onnxruntime.InferenceSession(_doubling(), options, providers=[provider], enable_fallback=0)
    if session.get_providers()[0] != CUDA_PROVIDER:
        return ""
    (answer,) = session.run(None, {"input": np.full((1, 1, 1, 1), 3, np.float32)})
    return None if answer.item() == 6 else f"it computed 2 · 3 = {answer.item()}"


def _doubling() -> bytes:
    """A model of one 1×1 convolution, which doubles a number."""
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, 1, 1]) for name in ("input", "output")]
    kernel = helper.make_tensor("kernel", TensorProto.FLOAT, [1, 1, 1, 1], [2.0])
    node = helper.make_node("Conv", ["input", "kernel"], ["output"])
    graph = helper.make_graph([node], "doubling", ends[:1], ends[1:], [kernel])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def shortened(said: str) -> str:
    """The part of onnxruntime's message that names the cause, or its beginning, in one line."""
    found = next((match[1] for pattern in _REASONS if (match := re.search(pattern, said))), said)
    return textwrap.shorten(found, _LONGEST, placeholder=" …") or "onnxruntime left it out without a reason"


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
