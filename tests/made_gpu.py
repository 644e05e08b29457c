"""An NVIDIA GPU that the processor plays: a session of onnxruntime that was asked for CUDA says that it has it."""

from typing import Any

import onnxruntime
import pytest

from mnist_resnet.evaluation.cuda import CUDA_PROVIDER, cuda_obstacle

CPU_PROVIDER = "CPUExecutionProvider"


class PlayedSession:
    """A session of the processor that names the provider that was asked for first."""

    def __init__(self, session: onnxruntime.InferenceSession, provider: str) -> None:
        self._session, self._provider = session, provider

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def get_providers(self) -> list[str]:
        return [self._provider]

    def get_provider_options(self) -> dict[str, dict[str, str]]:
        return {self._provider: {}}


def play_gpu(monkeypatch: pytest.MonkeyPatch, computes: bool = True) -> list[tuple[bytes, list[str]]]:
    """Have this process find a driver and an onnxruntime with CUDA.

    Args:
        monkeypatch: Puts everything back.
        computes: Whether CUDA can be had; if not, onnxruntime goes on without it, as where a library is missing.

    Returns:
        Of each session that is opened from now on, what it was given: the model, and the providers by name.
    """
    real, opened = onnxruntime.InferenceSession, []

    def session(content: Any, options: Any = None, providers: Any = (), **others: Any) -> Any:
        names = [each if isinstance(each, str) else each[0] for each in providers]
        opened.append((content, names))
        made = real(content, options, providers=[CPU_PROVIDER])
        return PlayedSession(made, names[0]) if computes and names else made

    monkeypatch.setattr("ctypes.CDLL", lambda _: None)
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA_PROVIDER, CPU_PROVIDER])
    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    cuda_obstacle.cache_clear()
    return opened
