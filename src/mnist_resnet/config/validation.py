"""Checks of a whole configuration before any work starts."""

import re
from collections import Counter
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import TypeAdapter, ValidationError

from mnist_resnet.config import datasets, evaluation
from mnist_resnet.config import parameters as types
from mnist_resnet.config.datasets import Dataset
from mnist_resnet.config.parameters import NamespaceParameters, Parameters
from mnist_resnet.errors import UserError

_SHARED = {"recipe", "datasets", "tracking"}
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
    if unusable := _unusable_names(raw):
        raise _refusal(unusable)
    faults = _unknown_namespaces(raw)
    shared = {key: value for key, value in raw.items() if key in _SHARED}
    namespaces = {key: value for key, value in raw.items() if key not in {*_SHARED, *faults}}
    try:
        parameters = TypeAdapter(Parameters).validate_python({**shared, "namespaces": namespaces})
    except ValidationError as error:
        raise _refusal([*faults.values(), *map(_describe, error.errors())]) from None
    if refused := [*faults.values(), *_impossible_combinations(parameters)]:
        raise _refusal(refused)
    return parameters


def _refusal(faults: list[str]) -> ConfigurationError:
    return ConfigurationError("\n- ".join(["These parameters cannot be used:", *faults]))


def _unusable_names(raw: dict[str, Any]) -> list[str]:
    """A data set's name is a key, a folder and a part of other names, which a dot or a slash would divide."""
    return [
        f"datasets.{name}: a data set cannot be called so. Take text of letters, digits, _, - and spaces, and "
        f"none of {', '.join(sorted(_SHARED))}."
        for name in _names_of_datasets(raw)
        if name in _SHARED or not isinstance(name, str) or not _DATASET_NAME.fullmatch(name)
    ]


def _unknown_namespaces(raw: dict[str, Any]) -> dict[str, str]:
    """By key, what to say of parameters whose data set there is not; what lies below such a key does not matter."""
    if not isinstance(raw.get("datasets"), dict):  # a fault of its own
        return {}
    known, faults = _names_of_datasets(raw), {}
    for key in sorted(raw.keys() - {*_SHARED, *known}, key=str):
        near = get_close_matches(str(key), [*known, *_SHARED], n=1)
        hint = f", or did you mean '{near[0]}'?" if near else "."
        faults[key] = f"{key}: no such data set; add it to conf/base/datasets.yml{hint}"
    return faults


def _names_of_datasets(raw: dict[str, Any]) -> list[Any]:
    datasets = raw.get("datasets")
    return list(datasets) if isinstance(datasets, dict) else []


def _describe(fault: Any) -> str:
    path = [str(part) for part in fault["loc"] if part not in {"namespaces", "https", "npm", "debian"}]
    key = ".".join(path)
    if fault["type"] in {"unexpected_keyword_argument", "extra_forbidden"}:
        near = get_close_matches(path[-1], _known_keys(), n=1)
        hint = f"did you mean '{near[0]}'?" if near else "remove it, or correct its name."
        return f"{key}: unknown key, value {fault['input']!r}; {hint}"
    if fault["type"] in {"missing", "missing_argument"}:
        file = "datasets.yml" if path[0] == "datasets" else "parameters.yml"
        return f"{key}: missing; state it in conf/base/{file} or the recipe's."
    return f"{key}: received {fault['input']!r}. {fault['msg']}."


def _known_keys() -> list[str]:
    described = [
        kind for module in (datasets, evaluation, types) for kind in vars(module).values() if is_dataclass(kind)
    ]
    return sorted({field.name for kind in described for field in fields(kind)})


def _impossible_combinations(parameters: Parameters) -> list[str]:
    known, used = set(parameters.datasets), set(parameters.namespaces)
    faults = [f"{name}: missing; add its parameters to conf/base/parameters.yml." for name in sorted(known - used)]
    for name in sorted(known & used):
        faults += _unfitting(name, parameters.datasets[name], parameters.namespaces[name])
    return faults


def _unfitting(namespace: str, dataset: Dataset, parameters: NamespaceParameters) -> list[str]:
    image, target = dataset.image_size, parameters.preprocessing.size
    faults = [*_repeated_file_names(namespace, dataset), *_unknown_empty_classes(namespace, dataset)]
    pads = parameters.preprocessing.method == "pad"
    if pads and (target[0] < image[0] or target[1] < image[1]):
        faults.append(
            f"{namespace}.preprocessing.size: received {list(target)}, but padding cannot shrink images of "
            f"{list(image)} pixels; choose at least {list(image)}, or method: resize."
        )
    if parameters.training.max_shift >= min(image):
        faults.append(
            f"{namespace}.training.max_shift: received {parameters.training.max_shift}, which moves images of "
            f"{list(image)} pixels out of sight; choose less than {min(image)}."
        )
    fraction = parameters.data.validation_fraction
    faults += [
        f"{namespace}.training.{key}: received {value}, but there are no validation images to choose by; "
        f"raise data.validation_fraction, or switch it off (null, false)."
        for key, value in (
            ("patience", parameters.training.patience),
            ("keep_best_epoch", parameters.training.keep_best_epoch),
        )
        if value and fraction == 0
    ]
    limit = parameters.data.training_images
    return faults if limit is None else [*faults, *_too_few_images(namespace, limit, dataset, parameters)]


def _repeated_file_names(namespace: str, dataset: Dataset) -> list[str]:
    names = [getattr(dataset.files, role.name).name for role in fields(dataset.files)]
    return [
        f"datasets.{namespace}.files: received the name '{name}' more than once; each file has its own."
        for name, count in Counter(names).items()
        if count > 1
    ]


def _unknown_empty_classes(namespace: str, dataset: Dataset) -> list[str]:
    unknown = [name for name in dataset.empty_classes if name not in dataset.class_names]
    faults = [
        f"datasets.{namespace}.empty_classes: received '{name}', which is none of class_names; correct either."
        for name in unknown
    ]
    if len(dataset.class_names) - len(dataset.empty_classes) < 2 and not unknown:
        faults.append(
            f"datasets.{namespace}.empty_classes: lists {len(dataset.empty_classes)} of {len(dataset.class_names)} "
            f"classes; at least 2 need images."
        )
    return faults


def _too_few_images(namespace: str, limit: int, dataset: Dataset, parameters: NamespaceParameters) -> list[str]:
    faults, classes = [], len(dataset.class_names) - len(dataset.empty_classes)
    fraction, batch = parameters.data.validation_fraction, parameters.training.batch_size
    if fraction and int(limit * fraction) < classes:
        faults.append(
            f"{namespace}.data.training_images: received {limit}, which leaves fewer validation images than "
            f"the {classes} classes; raise it, or validation_fraction."
        )
    elif (left := limit - round(limit * fraction)) < batch:
        faults.append(
            f"{namespace}.training.batch_size: received {batch}, but data.training_images of {limit} leaves only "
            f"{left} images to train on; lower the one, or raise the other."
        )
    return faults
