"""Parameters by dotted keys, such as ``mnist.training.epochs``."""

import json
from collections.abc import Mapping
from typing import Any


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, with keys joined by dots."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def nest(values: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted keys as nested mappings, as ``kedro run --params`` makes them; a later key replaces what is in its way."""
    nested: dict[str, Any] = {}
    for key, value in values.items():
        *groups, name = key.split(".")
        section = nested
        for group in groups:
            if not isinstance(section.get(group), dict):
                section[group] = {}
            section = section[group]
        section[name] = value
    return nested


def as_typed(value: Any) -> str:
    """A value as it is typed after ``--params key=``: ``true``, ``null``, ``0.1``, ``[32, 32]``."""
    return value if isinstance(value, str) else json.dumps(value)
