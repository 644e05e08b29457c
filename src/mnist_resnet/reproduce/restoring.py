"""The settings of the recorded machine that a reproduction is given: threads, instruction sets, precision and more."""

import copy
from collections.abc import Mapping
from typing import Any

from mnist_resnet.comparison.computing import THREADS, Values, adding_threads, uses_tensorflow
from mnist_resnet.comparison.record import Record
from mnist_resnet.computing.backend_choice import BACKEND_VARIABLE
from mnist_resnet.computing.processor import ONEDNN_LIMIT, ONEDNN_SWITCH, is_higher, onednn_level
from mnist_resnet.reproduce.preflight import Check, Status

# These decide how numbers are computed and say nothing of a machine's devices or folders.
_REPEATED = (
    *(BACKEND_VARIABLE, "PYTHONHASHSEED", "NVIDIA_TF32_OVERRIDE", "CUBLAS_WORKSPACE_CONFIG"),
    *(THREADS, "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    *(ONEDNN_SWITCH, ONEDNN_LIMIT, "ONEDNN_DEFAULT_FPMATH_MODE", "TF_DETERMINISTIC_OPS", "TF_CUDNN_DETERMINISTIC"),
)
# oneDNN has no convolutions of bfloat16 below it.
_LOWEST_WITH_BFLOAT16 = "AVX512_CORE"


def restored_variables(record: Record, present: Values, own: Mapping[str, str]) -> dict[str, str]:
    """The environment variables that make this machine compute in the order of the recorded one.

    They are those that the run had, one that holds TensorFlow to as many threads, and one that holds oneDNN to the
    recorded processor's instruction sets where this one has more.

    Args:
        record: The run's provenance.
        present: ``environment`` as a run here would record it.
        own: What the user has set, which is left alone.
    """
    recorded: Values = record["environment"]
    variables = {name: recorded["variables"][name] for name in _REPEATED if name in recorded["variables"]}
    if uses_tensorflow(recorded) and adding_threads(recorded) != present["usable_cores"]:
        variables[THREADS] = str(adding_threads(recorded))
    level = _level_to_hold(record, present)
    if level:
        variables.setdefault(ONEDNN_LIMIT, level)
    return {name: value for name, value in variables.items() if name not in own}


def _level_to_hold(record: Record, present: Values) -> str | None:
    recorded: Values = record["environment"]
    if "instruction_sets" not in recorded:
        return None
    level = onednn_level(recorded["instruction_sets"])
    if not is_higher(onednn_level(present["instruction_sets"]), level):
        return None
    bfloat16 = "mixed_bfloat16" in record["precision"].values() and is_higher(_LOWEST_WITH_BFLOAT16, level)
    return None if bfloat16 else level


def with_recorded_precision(record: Record, environment: Mapping[str, str]) -> Record:
    """The record with the precision that ``auto`` came to in place of it, where that can be had here.

    Args:
        record: The run's provenance.
        environment: The variables that the run is made again with.
    """
    stated = copy.deepcopy(record)
    for namespace, precision in _resolved(record).items():
        if _is_possible(precision, environment):
            stated["parameters"][namespace]["training"]["precision"] = precision
    return stated


def check_precision(record: Record, environment: Mapping[str, str]) -> Check:
    """Whether what ``training.precision: auto`` came to can be had again.

    Args:
        record: The run's provenance.
        environment: The variables that the run is made again with.
    """
    words = ", ".join(f"{name} {precision}" for name, precision in record["precision"].items()) or "nothing was trained"
    impossible = [name for name, precision in _resolved(record).items() if not _is_possible(precision, environment)]
    if impossible:
        reason = f"{', '.join(impossible)}: what auto comes to here, since {ONEDNN_LIMIT} excludes that"
        return Check("precision", Status.WARN, words, reason)
    return Check("precision", Status.PASS, words, "stated instead of auto" if _resolved(record) else "the same")


def _resolved(record: Record) -> dict[str, str]:
    """For each data set that was trained with ``precision: auto``, what that came to."""
    asked = {name: _training(record, name).get("precision") for name in record["precision"]}
    return {name: precision for name, precision in record["precision"].items() if asked[name] == "auto"}


def _training(record: Record, namespace: str) -> Mapping[str, Any]:
    training: Mapping[str, Any] = record["parameters"].get(namespace, {}).get("training", {})
    return training


def _is_possible(precision: str, environment: Mapping[str, str]) -> bool:
    limit = environment.get(ONEDNN_LIMIT)
    return precision != "mixed_bfloat16" or limit is None or not is_higher(_LOWEST_WITH_BFLOAT16, limit)
