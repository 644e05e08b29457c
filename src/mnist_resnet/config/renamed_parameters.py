"""The names that parameters had in earlier versions."""

import copy
from collections.abc import Mapping
from typing import Any

# Of each data set, by group and name: what was called so, and what it is called now.
RENAMED = {"model.variant": "model.architecture"}


def with_present_names(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a run of any version, under the names that they have now.

    Args:
        parameters: Nested, as ``--params`` takes them; they are left as they are.
    """
    present = copy.deepcopy(dict(parameters))
    for concerns in present.values():
        for before, now in RENAMED.items():
            (group, name), (present_group, present_name) = before.split("."), now.split(".")
            if isinstance(concerns, dict) and name in concerns.get(group, {}):
                concerns.setdefault(present_group, {})[present_name] = concerns[group].pop(name)
    return present
