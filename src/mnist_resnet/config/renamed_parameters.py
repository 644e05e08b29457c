"""The names that parameters had in earlier versions, and what those versions did without later ones."""

import copy
from collections.abc import Mapping
from functools import reduce
from typing import Any

# Of each data set, by group and name: what was called so, and what it is called now.
RENAMED = {"model.variant": "model.architecture"}

# Likewise, parameters in groups of any depth that are newer than some records, with the values that come to what was
# done before.
ADDED = {
    "data.shard_images": None,
    "training.shuffle_shards": None,
    "training.small_epochs": 0,
    "training.small_size": [20, 20],
    "training.tf32": True,
    "training.devices": 1,
    "training.hosts": 1,
    "training.require_gpu": False,
    "export.variants.least_speed": None,
}


def with_added_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a run of any version, with those that have been added since.

    Args:
        parameters: Nested, as ``--params`` takes them; they are left as they are.
    """
    complete = copy.deepcopy(dict(parameters))
    for concerns in complete.values():
        for added, value in ADDED.items():
            *groups, name = added.split(".")
            group = reduce(_within, groups, concerns)
            if isinstance(group, dict):
                group.setdefault(name, value)
    return complete


def _within(concerns: Any, group: str) -> Any:
    return concerns.get(group) if isinstance(concerns, dict) else None


def with_current_names(parameters: Mapping[str, Any]) -> dict[str, Any]:
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
