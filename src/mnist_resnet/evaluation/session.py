"""onnxruntime sessions, with the provider asked for and the one got."""

import json
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_resnet.config import CudaParameters
from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.errors import UserError
from mnist_resnet.evaluation.binding import FixedBatch
from mnist_resnet.evaluation.cuda import cuda_loads, cuda_options
from mnist_resnet.evaluation.package import onnxruntime_package
from mnist_resnet.terminal.once import log_once

logger = logging.getLogger(__name__)

CPU_PROVIDER, CUDA_PROVIDER = "CPUExecutionProvider", "CUDAExecutionProvider"
_ERRORS_ONLY = 3

# From uint8 (images, height, width) and the number of images in a call to float32 (images, classes).
ClassifyBatches = Callable[[UInt8Array, int], npt.NDArray[np.float32]]


class ProviderError(UserError, RuntimeError):
    """A provider that was asked for cannot be used."""


@dataclass(frozen=True)
class Session:
    """An ONNX classifier, loaded.

    Attributes:
        inference: The onnxruntime session.
        providers_asked: In order of preference.
        provider: The one that runs the model.
        fixed: Whether the batches of each size stay at fixed places in memory, as CUDA graphs need them.
    """

    inference: Any
    providers_asked: tuple[str, ...]
    provider: str
    fixed: bool = False
    _batches: dict[int, FixedBatch] = field(default_factory=dict, repr=False)

    @property
    def threads(self) -> int:
        """How many threads an operation is spread over."""
        asked: int = self.inference.get_session_options().intra_op_num_threads
        return asked or os.cpu_count() or 1

    @property
    def provider_options(self) -> dict[str, str]:
        """What the provider runs with, in its own words; nothing on the CPU."""
        return dict(self.inference.get_provider_options()[self.provider])

    @property
    def metadata(self) -> dict[str, Any]:
        """What the file says of itself: values stored as JSON by key, other values left out."""
        stored = self.inference.get_modelmeta().custom_metadata_map
        return {key: json.loads(value) for key, value in sorted(stored.items()) if _is_json(value)}

    def probabilities(self, images: npt.NDArray[np.uint8], batch_size: int) -> npt.NDArray[np.float32]:
        """Classify images in batches.

        Args:
            images: uint8 (images, height, width).
            batch_size: Images in a call; the last call may have fewer.

        Returns:
            float32 (images, classes).
        """
        starts = range(0, len(images), batch_size)
        return np.concatenate([self.run(np.asarray(images[start : start + batch_size])) for start in starts])

    def run(self, batch: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Classify one batch in one call."""
        if self.fixed:
            return self._fixed(batch).run(batch)
        (outputs,) = self.inference.run(None, {self.inference.get_inputs()[0].name: batch})
        return np.asarray(outputs)

    def _fixed(self, batch: npt.NDArray[np.uint8]) -> FixedBatch:
        if len(batch) not in self._batches:
            device = "cuda" if self.provider == CUDA_PROVIDER else "cpu"
            self._batches[len(batch)] = FixedBatch(self.inference, batch.shape, device)
        return self._batches[len(batch)]


def _is_json(value: str) -> bool:
    try:
        json.loads(value)
    except ValueError:
        return False
    return True


def open_session(
    model: bytes,
    providers: Sequence[str],
    require_gpu: bool = False,
    cuda: CudaParameters | None = None,
    optimized: bool = True,
) -> Session:
    """Load an ONNX model with the first provider that this machine can run.

    Args:
        model: The ONNX file's content.
        providers: onnxruntime provider names, in order of preference.
        require_gpu: Refuse to fall back to the CPU.
        cuda: How CUDA is to run it; None leaves that to onnxruntime.
        optimized: Whether onnxruntime may replace operations by others. If not, a quantized file is computed as it is
            written: by float32 operations between quantizing and dequantizing ones.

    Raises:
        OnnxruntimeError: If onnxruntime is not installed, or twice.
        ProviderError: If none of the providers can be had, or ``require_gpu`` is set and the CPU
            would run the model.
    """
    usable = usable_providers(providers, require_gpu)
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    settings = {CUDA_PROVIDER: cuda_options(cuda)} if cuda else {}
    wanted = [(name, settings[name]) if name in settings else name for name in usable]
    inference = onnxruntime.InferenceSession(model, options, providers=wanted)
    got = inference.get_providers()[0]
    if require_gpu:
        _refuse_cpu(got, providers)
    if got not in providers:
        raise ProviderError(
            f"evaluation.providers: asked for {list(providers)}, but onnxruntime fell back to {got}; add it to the "
            "list, or install what the providers need"
        )
    if got != providers[0]:
        log_once(logger, f"onnxruntime uses {got}: {providers[0]} cannot be loaded here")
    return Session(inference, tuple(providers), got, fixed=bool(cuda and cuda.graphs and got == CUDA_PROVIDER))


def usable_providers(providers: Sequence[str], require_gpu: bool = False) -> list[str]:
    """Those of the providers that this machine can load, without loading a model.

    Asking onnxruntime for CUDA where it cannot load prints alarming lines and falls back silently.

    Raises:
        OnnxruntimeError: If onnxruntime is not installed, or twice.
        ProviderError: If a name is unknown, none is left, or a GPU is required and only the CPU is left.
    """
    onnxruntime_package()
    import onnxruntime

    known = onnxruntime.get_all_providers()
    if unknown := [name for name in providers if name not in known]:
        raise ProviderError(f"evaluation.providers: received {unknown}; this onnxruntime knows {known}")
    built_in = onnxruntime.get_available_providers()
    usable = [name for name in providers if name in built_in and (name != CUDA_PROVIDER or cuda_loads())]
    if not usable:
        raise ProviderError(
            f"evaluation.providers: none of {list(providers)} can be loaded here; add '{CPU_PROVIDER}', or install "
            "the gpu extra on a machine with an NVIDIA driver"
        )
    if require_gpu:
        _refuse_cpu(usable[0], providers)
    return usable


def _refuse_cpu(provider: str, providers: Sequence[str]) -> None:
    if provider == CPU_PROVIDER:
        raise ProviderError(
            f"evaluation.require_gpu is true, but {provider} would run the model (asked for: "
            f"{', '.join(providers)}); install the gpu extra and an NVIDIA driver, or set it to false"
        )
