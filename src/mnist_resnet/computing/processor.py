"""The processor's cores and instruction sets, and the variables by which TensorFlow and oneDNN use them."""

import os
import platform
from collections.abc import Collection, Mapping
from pathlib import Path

ONEDNN_SWITCH, ONEDNN_LIMIT = "TF_ENABLE_ONEDNN_OPTS", "ONEDNN_MAX_CPU_ISA"
THREADS_VARIABLE = "TF_NUM_INTRAOP_THREADS"  # over which one operation is spread
_X86 = {"x86_64", "amd64"}

# Of all that a processor tells, those by which the libraries choose the code that multiplies.
_DECISIVE = (
    *("avx", "avx2", "fma", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16"),
    *("amx_int8", "amx_bf16", "amx_fp16", "asimd", "asimddp", "bf16", "i8mm", "sve", "sve2"),
)

# oneDNN's levels from the lowest on, each with what it has beside those before it.
_LEVELS = {
    "AVX2": {"avx2"},
    "AVX2_VNNI": {"avx_vnni"},
    "AVX512_CORE": {"avx512f"},
    "AVX512_CORE_VNNI": {"avx512_vnni"},
    "AVX512_CORE_BF16": {"avx512_bf16"},
    "AVX512_CORE_FP16": {"avx512_fp16"},
    "AVX512_CORE_AMX": {"amx_int8", "amx_bf16"},
    "AVX512_CORE_AMX_FP16": {"amx_fp16"},
}
# TensorFlow 2.21 turns oneDNN on by itself where it finds one of these.
_ONEDNN_BY_ITSELF = {"avx512_vnni", "avx512_bf16", "avx_vnni", "amx_int8", "amx_bf16"}

_stated: dict[str, str] = {}


def usable_cores() -> int:
    """How many logical processors this process may use; of those that it is held to, Linux alone tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def asked_threads(variables: Mapping[str, str]) -> int:
    """How many threads are asked for, by a user or for a trial of a sweep; 0 if the libraries are to choose.

    Args:
        variables: Of the environment.
    """
    asked = variables.get(THREADS_VARIABLE, "")
    return int(asked) if asked.isdecimal() else 0


def state_onednn() -> None:
    """Have TensorFlow use oneDNN on every x86-64 processor, unless the user has decided that.

    It must precede TensorFlow's import. By itself TensorFlow leaves oneDNN off where there are no units for VNNI,
    bfloat16 or AMX, and is then several times as slow. Elsewhere the choice is TensorFlow's: its packages for macOS are
    built without oneDNN, and on Linux arm64 it is on where it has been tuned.
    """
    if platform.machine().lower() in _X86 and ONEDNN_SWITCH not in os.environ:
        os.environ[ONEDNN_SWITCH] = _stated[ONEDNN_SWITCH] = "1"


def set_by_user(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of an environment without those that ``state_onednn`` has put there.

    Args:
        environment: Such as ``os.environ``.
    """
    return {name: value for name, value in environment.items() if _stated.get(name) != value}


def onednn_by_itself(instruction_sets: Collection[str]) -> str:
    """What ``TF_ENABLE_ONEDNN_OPTS`` would have to be for what TensorFlow does where it is not set, on x86-64.

    Args:
        instruction_sets: Of the processor.
    """
    return "1" if _ONEDNN_BY_ITSELF.intersection(instruction_sets) else "0"


def offered_instruction_sets(information: Path = Path("/proc/cpuinfo")) -> tuple[str, ...]:
    """The instruction sets that decide how numbers are computed, as far as the processor has them.

    Args:
        information: What Linux says of the processors; other systems do not tell, which gives none.
    """
    lines = information.read_text(encoding="utf-8", errors="replace").splitlines() if information.exists() else []
    told = {word for line in lines if line.startswith(("flags", "Features")) for word in line.partition(":")[2].split()}
    return tuple(name for name in _DECISIVE if name in told)


def onednn_level(instruction_sets: Collection[str]) -> str | None:
    """The highest of oneDNN's levels that a processor has, in the words of ``ONEDNN_MAX_CPU_ISA``; None below AVX2.

    Args:
        instruction_sets: Of the processor.
    """
    reached = [level for level, needed in _LEVELS.items() if needed.issubset(instruction_sets)]
    return reached[-1] if reached else None


def is_higher(level: str | None, other: str | None) -> bool:
    """Whether one of oneDNN's levels is above another.

    Args:
        level: As ``onednn_level`` gives it.
        other: Likewise, or as a user has set ``ONEDNN_MAX_CPU_ISA``; one that is not known is above all.
    """
    return _height(level) > _height(other)


def multiplies_bfloat16(instruction_sets: Collection[str], environment: Mapping[str, str]) -> bool:
    """Whether oneDNN may use units for bfloat16, which the processor has.

    Args:
        instruction_sets: Of the processor.
        environment: In which ``ONEDNN_MAX_CPU_ISA`` may hold oneDNN to less than that, or ``TF_ENABLE_ONEDNN_OPTS`` may
            switch it off.
    """
    if environment.get(ONEDNN_SWITCH, "").lower() in {"0", "false"}:
        return False
    has_units = not {"avx512_bf16", "amx_bf16"}.isdisjoint(instruction_sets)
    return has_units and not is_higher("AVX512_CORE_BF16", environment.get(ONEDNN_LIMIT, "DEFAULT"))


def _height(level: str | None) -> int:
    if level is None:
        return -1
    known = ["SSE41", "AVX", *_LEVELS]
    name = level.upper().replace("AVX2_VNNI_2", "AVX2_VNNI")  # which lies above it, and below AVX512_CORE
    return known.index(name) if name in known else len(known)
