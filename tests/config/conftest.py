"""Configurations that differ from conf/base in some keys, and what they are refused for."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import reduce
from typing import Any

import pytest

from mnist_resnet.config import ConfigurationError, validate_parameters

Change = Callable[[Mapping[str, Any]], dict[str, Any]]


@pytest.fixture
def changed(raw_parameters: dict[str, Any]) -> Change:
    """The base configuration with other values at some dotted keys; the value ``...`` deletes one."""

    def change(changes: Mapping[str, Any]) -> dict[str, Any]:
        raw = deepcopy(raw_parameters)
        for key, value in changes.items():
            *sections, last = (int(part) if part.isdigit() else part for part in key.split("."))
            section = reduce(lambda inner, part: inner[part], sections, raw)
            if value is ...:
                del section[last]
            else:
                section[last] = value
        return raw

    return change


@pytest.fixture
def faults(changed: Change) -> Callable[[Mapping[str, Any]], list[str]]:
    """The faults that the changed configuration is refused for, each as its line of the message."""

    def refused(changes: Mapping[str, Any]) -> list[str]:
        with pytest.raises(ConfigurationError) as refusal:
            validate_parameters(changed(changes))
        heading, *lines = str(refusal.value).split("\n- ")
        assert heading == "These parameters cannot be used:"
        return lines

    return refused
