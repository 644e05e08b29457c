"""The threads, oneDNN and instruction sets of two recorded machines, whichever way each was decided.

Older records tell neither instruction sets nor what TensorFlow decided by itself. Nothing is concluded from that.
"""

from collections.abc import Mapping
from typing import Any

from mnist_resnet.computing.backend_choice import BACKEND_VARIABLE
from mnist_resnet.computing.processor import ONEDNN_LIMIT, ONEDNN_SWITCH, is_higher, onednn_by_itself, onednn_level

Values = Mapping[str, Any]

THREADS = "TF_NUM_INTRAOP_THREADS"


def adding_threads(environment: Values) -> int:
    """Over how many threads TensorFlow spreads one operation, which decides the order of its additions.

    Args:
        environment: That of a run's provenance.
    """
    asked = environment["variables"].get(THREADS, "")
    cores: int = environment["usable_cores"]
    return int(asked) if asked.isdigit() and int(asked) and uses_tensorflow(environment) else cores


def uses_tensorflow(environment: Values) -> bool:
    """Whether Keras ran on TensorFlow.

    Args:
        environment: That of a run's provenance.
    """
    return environment["variables"].get(BACKEND_VARIABLE) in {None, "", "tensorflow"}


def differing_variables(first: Values, second: Values) -> tuple[dict[str, str], dict[str, str]]:
    """The variables of two environments, without those by which both come to the same.

    Args:
        first: That of a run's provenance.
        second: Likewise, of the other.
    """
    before, after = _with_onednn(first, second), _with_onednn(second, first)
    alike = {THREADS} if adding_threads(first) == adding_threads(second) else set()
    if used_level(first) == used_level(second):
        alike.add(ONEDNN_LIMIT)
    told = [{name: value for name, value in each.items() if name not in alike} for each in (before, after)]
    return told[0], told[1]


def used_level(environment: Values) -> str | None:
    """The level up to which oneDNN computes: what the processor has, or less where it is held to that.

    Args:
        environment: That of a run's provenance.
    """
    limit: str | None = environment["variables"].get(ONEDNN_LIMIT)
    if "instruction_sets" not in environment:
        return limit
    offered = onednn_level(environment["instruction_sets"])
    return offered if limit is None or is_higher(limit, offered) else limit


def _with_onednn(environment: Values, other: Values) -> dict[str, str]:
    """An environment's variables; an older record's with what TensorFlow chose of oneDNN, as far as that is known."""
    variables: dict[str, str] = dict(environment["variables"])
    stated = other["variables"].get(ONEDNN_SWITCH)
    if ONEDNN_SWITCH in variables or "instruction_sets" in environment or "instruction_sets" not in other or not stated:
        return variables
    same_processor = environment["processor"] == other["processor"]
    return variables | {ONEDNN_SWITCH: onednn_by_itself(other["instruction_sets"]) if same_processor else stated}
