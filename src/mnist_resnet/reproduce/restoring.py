"""The settings of the recorded machine that a reproduction is given: threads, instruction sets, precision and more."""

import copy
from collections.abc import Mapping
from dataclasses import replace

from mnist_resnet.computing.backend_choice import BACKEND_VARIABLE
from mnist_resnet.computing.processor import ONEDNN_LIMIT, ONEDNN_SWITCH, THREADS_VARIABLE, is_higher, onednn_level
from mnist_resnet.provenance.environment import Environment
from mnist_resnet.provenance.record import Provenance
from mnist_resnet.reproduce.preflight import Check, CheckResult

# These decide how numbers are computed and say nothing of a machine's devices or folders.
_REPEATED = (
    *(BACKEND_VARIABLE, "PYTHONHASHSEED", "NVIDIA_TF32_OVERRIDE", "CUBLAS_WORKSPACE_CONFIG"),
    *(THREADS_VARIABLE, "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    *(ONEDNN_SWITCH, ONEDNN_LIMIT, "ONEDNN_DEFAULT_FPMATH_MODE", "TF_DETERMINISTIC_OPS", "TF_CUDNN_DETERMINISTIC"),
)
# oneDNN has no convolutions of bfloat16 below it.
_LOWEST_WITH_BFLOAT16 = "AVX512_CORE"


def restored_variables(record: Provenance, present: Environment, own: Mapping[str, str]) -> dict[str, str]:
    """The environment variables that make this machine compute in the order of the recorded one.

    They are those that the run had, one that holds TensorFlow to as many threads, and one that holds oneDNN to the
    recorded processor's instruction sets where this one has more.

    Args:
        record: The run's provenance.
        present: As a run here would record it.
        own: What the user has set, which is left alone.
    """
    recorded = record.environment
    variables = {name: recorded.variables[name] for name in _REPEATED if name in recorded.variables}
    if recorded.uses_tensorflow and recorded.threads != present.usable_cores:
        variables[THREADS_VARIABLE] = str(recorded.threads)
    if level := _level_to_hold(record, present):
        variables.setdefault(ONEDNN_LIMIT, level)
    return {name: value for name, value in variables.items() if name not in own}


def _level_to_hold(record: Provenance, present: Environment) -> str | None:
    if record.environment.instruction_sets is None:
        return None
    level = onednn_level(record.environment.instruction_sets)
    bfloat16 = "mixed_bfloat16" in record.precision.values() and is_higher(_LOWEST_WITH_BFLOAT16, level)
    return level if is_higher(onednn_level(present.instruction_sets or ()), level) and not bfloat16 else None


def with_recorded_precision(record: Provenance, environment: Mapping[str, str]) -> Provenance:
    """The record with the precision that ``auto`` came to in place of it, where that can be had here.

    Args:
        record: The run's provenance.
        environment: The variables that the run is made again with.
    """
    stated = replace(record, parameters=copy.deepcopy(record.parameters))
    for namespace, precision in _resolved(record).items():
        if _is_possible(precision, environment):
            stated.training(namespace)["precision"] = precision
    return stated


def check_precision(record: Provenance, environment: Mapping[str, str]) -> Check:
    """Whether what ``training.precision: auto`` came to can be had again.

    Args:
        record: The run's provenance.
        environment: The variables that the run is made again with.
    """
    words = ", ".join(f"{name} {precision}" for name, precision in record.precision.items()) or "nothing was trained"
    resolved = _resolved(record)
    impossible = [name for name, precision in resolved.items() if not _is_possible(precision, environment)]
    if impossible:
        reason = f"{', '.join(impossible)}: the choice of auto here, since {ONEDNN_LIMIT} rules that out"
        return Check("precision", CheckResult.WARN, words, reason)
    return Check("precision", CheckResult.PASS, words, "stated instead of auto" if resolved else "the same")


def _resolved(record: Provenance) -> dict[str, str]:
    """For each data set that was trained with ``precision: auto``, what that came to."""
    return {name: came for name, came in record.precision.items() if record.training(name).get("precision") == "auto"}


def _is_possible(precision: str, environment: Mapping[str, str]) -> bool:
    limit = environment.get(ONEDNN_LIMIT)
    return precision != "mixed_bfloat16" or limit is None or not is_higher(_LOWEST_WITH_BFLOAT16, limit)
