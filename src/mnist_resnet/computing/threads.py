"""The cores that this process may use, and the threads over which it spreads one operation."""

import os
from collections.abc import Mapping

THREADS_VARIABLE = "TF_NUM_INTRAOP_THREADS"


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
