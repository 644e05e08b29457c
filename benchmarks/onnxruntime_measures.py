"""Measurements of one ONNX file by one provider of onnxruntime, for `gpu_onnxruntime.py`."""

import hashlib
import importlib.util
import itertools
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
_ERRORS_ONLY = 3
_BINDING = Path(__file__).parents[1] / "src/mnist_resnet/evaluation/binding.py"


@dataclass(frozen=True)
class Settings:
    """How a session is opened; the defaults are those of ``evaluation.cuda`` in conf/base, but for TF32."""

    provider: str
    search: str = "heuristic"
    deterministic: bool = True
    graphs: bool = False
    tf32: bool = False

    def open(self, content: bytes, profile: Path | None = None) -> onnxruntime.InferenceSession:
        """A session of this provider, without any fallback.

        Raises:
            RuntimeError: If another provider runs the file.
        """
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _ERRORS_ONLY
        options.use_deterministic_compute = self.deterministic
        if profile:
            options.enable_profiling, options.profile_file_prefix = True, str(profile)
        asked = (self.provider, self._options() if self.provider == CUDA else {})
        session = onnxruntime.InferenceSession(content, options, providers=[asked], enable_fallback=0)
        if session.get_providers()[0] != self.provider:
            raise RuntimeError(f"asked for {self.provider}, got {session.get_providers()}")
        return session

    def _options(self) -> dict[str, str]:
        return {
            "arena_extend_strategy": "kSameAsRequested",
            "cudnn_conv_algo_search": self.search.upper(),
            "enable_cuda_graph": str(int(self.graphs)),
            "use_tf32": str(int(self.tf32)),
        }


def place_nodes(content: bytes, settings: Settings, images: np.ndarray, folder: Path) -> dict[str, Any]:
    """The operations by provider, and how many copies between host and device there are, from a profile of one call."""
    session = settings.open(content, profile=folder / "profile")
    session.run(None, {session.get_inputs()[0].name: images[:1]})
    profile = Path(session.end_profiling())
    events = json.loads(profile.read_text(encoding="utf-8"))
    kernels = [each for each in events if each.get("cat") == "Node" and each["name"].endswith("_kernel_time")]
    by_provider: dict[str, Counter[str]] = {}
    for event in kernels:
        by_provider.setdefault(event["args"]["provider"], Counter())[event["args"]["op_name"]] += 1
    copies = sum(counts[kind] for counts in by_provider.values() for kind in counts if kind.startswith("Memcpy"))
    return {"nodes": {name: dict(counts) for name, counts in by_provider.items()}, "memcpy": copies}


def answers(content: bytes, settings: Settings, images: np.ndarray, batch: int) -> np.ndarray:
    """Probabilities of all images, in batches of one size."""
    session = settings.open(content)
    name = session.get_inputs()[0].name
    starts = range(0, len(images), batch)
    return np.concatenate([session.run(None, {name: images[start : start + batch]})[0] for start in starts])


def agree(reference: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """The share of the images with the same class, and the largest difference of a probability."""
    same = float((reference.argmax(axis=1) == other.argmax(axis=1)).mean())
    return {"same_class": same, "max_abs_diff": float(np.abs(reference - other).max())}


def speed(content: bytes, settings: Settings, images: np.ndarray, sizes: list[int], seconds: float) -> dict[str, Any]:
    """Images per second of whole calls, at fixed places in memory, by batch size: the median over the calls."""
    session = settings.open(content)
    fixed_batch = _binding().FixedBatch
    found = {}
    for size in sizes:
        batch = np.resize(images, (size, *images.shape[1:]))
        fixed = fixed_batch(session, batch.shape, "cuda" if settings.provider == CUDA else "cpu")
        started = time.perf_counter()
        for _ in range(3):  # which search for algorithms, and record a graph
            fixed.run(batch)
        first = time.perf_counter() - started
        times = list(_times(lambda fixed=fixed, batch=batch: fixed.run(batch), seconds))
        found[str(size)] = {"images_per_s": round(size / float(np.median(times))), "first_calls_s": round(first, 3)}
    return found


def _times(call: Callable[[], Any], seconds: float) -> Iterator[float]:
    end = time.perf_counter() + seconds
    for place in itertools.count():
        started = time.perf_counter()
        if place > 1 and started > end:
            return
        call()
        yield time.perf_counter() - started


def _binding() -> Any:
    """The project's module of batches at fixed places, which imports nothing else of it."""
    spec = importlib.util.spec_from_file_location("binding", _BINDING)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def compare_graphs(content: bytes, settings: Settings, images: np.ndarray) -> dict[str, Any]:
    """Whether a CUDA graph holds the file, and whether it answers with the same bits as without."""
    recorded = replace(settings, graphs=True).open(content)
    fixed = _binding().FixedBatch(recorded, images.shape, "cuda" if settings.provider == CUDA else "cpu")
    said = [digest(fixed.run(images)) for _ in range(3)]
    plain = digest(answers(content, settings, images, len(images)))
    return {"loads": True, "equal_to_each_other": len(set(said)) == 1, "equal_to_plain": set(said) == {plain}}


def digest(array: np.ndarray) -> str:
    """Of the bits of an array."""
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]
