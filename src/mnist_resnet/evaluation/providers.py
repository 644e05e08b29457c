"""onnxruntime's execution providers: which of those asked for this machine can use."""

import logging
from collections.abc import Sequence

from mnist_resnet.errors import UserError
from mnist_resnet.evaluation.cuda import CUDA_PROVIDER, cuda_obstacle
from mnist_resnet.evaluation.package import onnxruntime_package
from mnist_resnet.terminal.messages import log_once

logger = logging.getLogger(__name__)

CPU_PROVIDER = "CPUExecutionProvider"


class ProviderError(UserError, RuntimeError):
    """A provider that was asked for cannot be used."""


def tell_of_another(provider: str, first: str) -> None:
    """Say why another provider runs the model than the first in the list: loudly where that one was to be expected."""
    obstacle = cuda_obstacle() if first == CUDA_PROVIDER else None
    reason = f": {obstacle.reason}" if obstacle else ""
    level = logging.INFO if obstacle is None or obstacle.expected else logging.WARNING
    log_once(logger, f"onnxruntime uses {provider}, since {first} cannot be used here{reason}", level)


def usable_providers(providers: Sequence[str], require_gpu: bool = False) -> list[str]:
    """Those of the providers that this machine can use, without loading a model of the caller's.

    Raises:
        OnnxruntimeError: If onnxruntime is not installed, or twice.
        ProviderError: If a name is unknown, none is left, or a GPU is required and only the CPU is left.
    """
    onnxruntime_package()
    import onnxruntime

    known = onnxruntime.get_all_providers()
    if unknown := [name for name in providers if name not in known]:
        raise ProviderError(f"evaluation.providers: received {unknown}; this onnxruntime knows {known}")
    obstacle = cuda_obstacle() if CUDA_PROVIDER in providers else None
    built_in = set(onnxruntime.get_available_providers()) - ({CUDA_PROVIDER} if obstacle else set())
    usable = [name for name in providers if name in built_in]
    why = f" ({CUDA_PROVIDER}: {obstacle.reason})" if obstacle else ""
    if not usable:
        raise ProviderError(
            f"evaluation.providers: none of {list(providers)} can be used here{why}; add '{CPU_PROVIDER}', or install "
            "the gpu extra on a machine with an NVIDIA driver"
        )
    if require_gpu and usable[0] == CPU_PROVIDER:
        raise ProviderError(
            f"evaluation.require_gpu is true, but {CPU_PROVIDER} would run the model (asked for: "
            f"{', '.join(providers)}){why}; install the gpu extra and an NVIDIA driver, or set it to false"
        )
    return usable
