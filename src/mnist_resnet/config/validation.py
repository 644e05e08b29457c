"""Checks of a whole configuration before any work starts."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches
from typing import Any
from unicodedata import normalize

from pydantic import TypeAdapter, ValidationError

from mnist_resnet.config.combinations import impossible_combinations
from mnist_resnet.config.parameters import Parameters
from mnist_resnet.config.renamed_parameters import RENAMED
from mnist_resnet.errors import UserError

_SHARED = ("datasets", "recipe", "tracking")
# A data set's name is a key, a folder and a part of other names, which a dot or a slash would divide.
_DATASET_NAME = re.compile(r"\w[\w -]*")


class ConfigurationError(UserError, ValueError):
    """Parameters that cannot be used: the message names each key, its value and the remedy."""


class NoConfigurationError(UserError, ValueError):
    """There is no configuration of this project where it is looked for."""


def validate_parameters(raw: dict[str, Any]) -> Parameters:
    """Check a whole configuration before any work starts.

    Args:
        raw: The merged parameters as Kedro loads them: ``recipe``, ``datasets``, ``tracking`` and
            one key for each namespace.

    Returns:
        The typed parameters.

    Raises:
        ConfigurationError: If a key is missing or unknown, or a value is of the wrong type,
            outside its range or impossible together with another; all faults are listed.
    """
    namespaces = {key: value for key, value in raw.items() if key not in _SHARED}
    known = list(raw["datasets"]) if isinstance(raw.get("datasets"), dict) else list(namespaces)
    _refuse(_unusable_names(known))
    unknown = [_unknown_namespace(key, known) for key in sorted(namespaces.keys() - set(known), key=str)]
    shared = {key: value for key, value in raw.items() if key in _SHARED}
    used = {key: value for key, value in namespaces.items() if key in known}
    try:
        parameters = TypeAdapter(Parameters).validate_python({**shared, "namespaces": used})
    except ValidationError as error:
        faults: Iterable[str] = map(_described, error.errors())
    else:
        faults = impossible_combinations(parameters)
    _refuse([*unknown, *faults])
    return parameters


def _refuse(faults: Iterable[str]) -> None:
    if listed := list(faults):
        raise ConfigurationError("\n- ".join(["These parameters cannot be used:", *listed]))


def _unusable_names(names: Collection[Any]) -> Iterator[str]:
    folders = Counter(map(_as_folder, names))
    for name in names:
        if name in _SHARED or not isinstance(name, str) or not _DATASET_NAME.fullmatch(name):
            yield (
                f"datasets.{name}: a data set cannot have this name. Use letters, digits, _, - and spaces, in quotes "
                f"if it is a number; {', '.join(_SHARED)} are taken."
            )
        elif folders[_as_folder(name)] > 1:
            yield (
                f"datasets.{name}: differs from the name of another data set only by upper and lower case, which not "
                f"every disk tells apart; rename one of them."
            )


def _as_folder(name: Any) -> str:
    return normalize("NFC", str(name)).casefold()


def _unknown_namespace(key: Any, known: list[str]) -> str:
    near = get_close_matches(str(key), [*known, *_SHARED], n=1)
    hint = f", or did you mean '{near[0]}'?" if near else "."
    return f"{key}: no such data set; add it to conf/base/datasets.yml{hint}"


def _described(fault: Any) -> str:
    path = [str(part) for part in fault["loc"] if part not in {"namespaces", "https", "npm", "debian"}]
    key = ".".join(path)
    if fault["type"] in {"unexpected_keyword_argument", "extra_forbidden"}:
        near = get_close_matches(path[-1], _known_keys(), n=1)
        hint = f"did you mean '{near[0]}'?" if near else "remove it, or correct its name."
        if present_name := RENAMED.get(".".join(path[1:])):
            hint = f"it is called {path[0]}.{present_name} now."
        return f"{key}: unknown key, value {fault['input']!r}; {hint}"
    if fault["type"] in {"missing", "missing_argument"}:
        file = "datasets.yml" if path[0] == "datasets" else "parameters.yml"
        return f"{key}: missing; state it in conf/base/{file} or in the recipe's {file}."
    return f"{key}: received {fault['input']!r}. {fault['msg']}."


def _known_keys() -> list[str]:
    schema = TypeAdapter(Parameters).json_schema()
    return sorted({key for described in schema["$defs"].values() for key in described["properties"]})
