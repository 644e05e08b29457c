"""onnxruntime sessions, with the provider asked for and the one got."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_resnet.computing.processor import asked_threads, usable_cores
from mnist_resnet.config import CudaParameters
from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.evaluation.binding import FixedBatch
from mnist_resnet.evaluation.cuda import CUDA_PROVIDER, cuda_options, shortened
from mnist_resnet.evaluation.providers import CPU_PROVIDER, ProviderError, tell_of_another, usable_providers

CLASSIFIED_AT_ONCE = 256
_ERRORS_ONLY = 3

# From uint8 (images, height, width) and the number of images in a call to float32 (images, classes).
ClassifyBatches = Callable[[UInt8Array, int], npt.NDArray[np.float32]]


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
        """How many threads an operation is spread over; by itself, onnxruntime takes one for each physical core."""
        import psutil

        asked: int = self.inference.get_session_options().intra_op_num_threads
        return asked or psutil.cpu_count(logical=False) or os.cpu_count() or 1

    @property
    def provider_options(self) -> dict[str, str]:
        """What CUDA runs with, in onnxruntime's own words; nothing on the CPU."""
        options = dict(self.inference.get_provider_options()[self.provider])
        if self.provider == CUDA_PROVIDER:
            deterministic = self.inference.get_session_options().use_deterministic_compute
            options["use_deterministic_compute"] = "1" if deterministic else "0"
        return options

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
        return np.concatenate([self.run(batch) for batch in batches(images, batch_size)])

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


def batches(images: npt.NDArray[np.uint8], batch_size: int) -> Iterator[npt.NDArray[np.uint8]]:
    """Images in batches of one size; the last may have fewer."""
    for start in range(0, len(images), batch_size):
        yield np.asarray(images[start : start + batch_size])


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
    threads: int = 0,
    takes_turns: bool = False,
) -> Session:
    """Load an ONNX model with the first provider that this machine can run.

    Args:
        model: The ONNX file's content.
        providers: onnxruntime provider names, in order of preference.
        require_gpu: Refuse to fall back to the CPU.
        cuda: How CUDA is to run it; None leaves that to onnxruntime.
        optimized: Whether onnxruntime may replace operations by others. If not, a quantized file is computed as it is
            written: by float32 operations between quantizing and dequantizing ones.
        threads: Over how many an operation is spread; 0: as many as ``TF_NUM_INTRAOP_THREADS`` asks for, such as
            the cores of a trial of a sweep, else all cores that this process may use.
        takes_turns: Whether its threads leave the cores to another session as soon as a call has ended. By default
            they look for the next call for up to 30 ms, which makes single calls faster.

    Raises:
        OnnxruntimeError: If onnxruntime is not installed, or twice.
        ProviderError: If none of the providers can be had, the one that can be had does not load this model, or
            ``require_gpu`` is set and the CPU would run the model.
    """
    usable = usable_providers(providers, require_gpu)
    inference = _load(model, usable, cuda, optimized, threads, takes_turns)
    got = inference.get_providers()[0]
    if got != usable[0]:
        raise ProviderError(
            f"evaluation.providers: {usable[0]} can be loaded here, but onnxruntime runs this model by {got}; leave "
            f"{usable[0]} out of {list(providers)}"
        )
    if got != providers[0]:
        tell_of_another(got, providers[0])
    return Session(inference, tuple(providers), got, fixed=bool(cuda and cuda.graphs and got == CUDA_PROVIDER))


def cpu_probabilities(model: bytes, images: UInt8Array, optimized: bool = True) -> npt.NDArray[np.float32]:
    """What an ONNX file answers to images on the processor: float32 (images, classes); see ``open_session``."""
    return open_session(model, [CPU_PROVIDER], optimized=optimized).probabilities(images, CLASSIFIED_AT_ONCE)


def _load(
    model: bytes,
    providers: Sequence[str],
    cuda: CudaParameters | None,
    optimized: bool,
    threads: int,
    takes_turns: bool,
) -> Any:
    """The onnxruntime session, without onnxruntime's silent second try on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    # By itself it would bind its threads to cores that this process is held away from.
    held = usable_cores() if usable_cores() < (os.cpu_count() or 1) else 0
    options.intra_op_num_threads = threads or asked_threads(os.environ) or held
    options.add_session_config_entry("session.force_spinning_stop", str(int(takes_turns)))
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    wanted: list[Any] = list(providers)
    if cuda and CUDA_PROVIDER in providers:
        options.use_deterministic_compute = cuda.deterministic
        wanted[wanted.index(CUDA_PROVIDER)] = (CUDA_PROVIDER, cuda_options(cuda))
    try:
        return onnxruntime.InferenceSession(model, options, providers=wanted, enable_fallback=0)
    except Exception as error:
        if providers[0] == CPU_PROVIDER:
            raise
        raise ProviderError(
            f"evaluation.providers: {providers[0]} does not load this model: {shortened(str(error))}; mend that, or "
            f"leave {providers[0]} out of the list"
        ) from error
