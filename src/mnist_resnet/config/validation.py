"""Checks of a whole configuration before any work starts."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches
from typing import Any
from unicodedata import normalize

from pydantic import TypeAdapter, ValidationError

from mnist_resnet.config.parameters import NamespaceParameters, Parameters, TrainingParameters
from mnist_resnet.config.published_data import Dataset
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
        faults = _impossible_combinations(parameters)
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


def _impossible_combinations(parameters: Parameters) -> Iterator[str]:
    for name in sorted(parameters.datasets):
        if name in parameters.namespaces:
            yield from _faults_of_dataset(name, parameters.datasets[name])
            yield from _faults_of_namespace(name, parameters.datasets[name], parameters.namespaces[name])
        else:
            yield f"{name}: missing; add its parameters to conf/base/parameters.yml."


def _faults_of_dataset(name: str, dataset: Dataset) -> Iterator[str]:
    for name_of_file, count in Counter(file.name for file in dataset.files.by_role().values()).items():
        if count > 1:
            yield f"datasets.{name}.files: received the name '{name_of_file}' more than once; give each file its own."
    unknown = [each for each in dataset.empty_classes if each not in dataset.class_names]
    for each in unknown:
        yield f"datasets.{name}.empty_classes: received '{each}', which is not in class_names; correct one of the two."
    if len(dataset.class_names) - len(dataset.empty_classes) < 2 and not unknown:
        yield (
            f"datasets.{name}.empty_classes: lists {len(dataset.empty_classes)} of {len(dataset.class_names)} "
            f"classes; at least 2 need images."
        )


def _faults_of_namespace(name: str, dataset: Dataset, parameters: NamespaceParameters) -> Iterator[str]:
    image, target, training = dataset.image_size, parameters.preprocessing.size, parameters.training
    if parameters.preprocessing.method == "pad" and (target[0] < image[0] or target[1] < image[1]):
        yield (
            f"{name}.preprocessing.size: received {list(target)}, but padding cannot shrink images of "
            f"{list(image)} pixels; choose at least {list(image)}, or method: resize."
        )
    if training.max_shift >= min(image):
        yield (
            f"{name}.training.max_shift: received {training.max_shift}, which can move images of {list(image)} "
            f"pixels out of sight; choose less than {min(image)}."
        )
    if training.shuffle_shards is not None and parameters.data.shard_images is None:
        yield (
            f"{name}.training.shuffle_shards: received {training.shuffle_shards}, but there are no shards; set "
            f"data.shard_images to the number of images in a shard, or shuffle_shards to null."
        )
    yield from _uneven_batch(name, training)
    if parameters.export.average_flips and not training.horizontal_flip:
        yield (
            f"{name}.export.average_flips: received true, but the network has not learned mirrored images, since "
            f"training.horizontal_flip is false; set training.horizontal_flip: true, or average_flips: false."
        )
    if training.small_epochs:
        yield from _faults_of_small_epochs(name, dataset, parameters)
    if parameters.data.validation_fraction == 0:
        for key in ("patience", "keep_best_epoch"):
            if value := getattr(training, key):
                yield (
                    f"{name}.training.{key}: received {value}, but there are no validation images; "
                    f"raise data.validation_fraction, or switch {key} off (null, false)."
                )
    if parameters.data.training_images is not None:
        yield from _too_few_images(name, parameters.data.training_images, dataset, parameters)


def _faults_of_small_epochs(name: str, dataset: Dataset, parameters: NamespaceParameters) -> Iterator[str]:
    """Epochs on small images that are not followed by others, are not on small images, or have other weights."""
    training, size = parameters.training, parameters.preprocessing.size
    if parameters.preprocessing.method == "pad":  # small images have no margin, so these are what shrinks
        size = dataset.image_size
    if training.small_epochs >= training.epochs:
        yield (
            f"{name}.training.small_epochs: received {training.small_epochs}, but there are {training.epochs} epochs, "
            f"the last of which must see images of full size; choose fewer."
        )
    if not (training.small_size[0] < size[0] and training.small_size[1] < size[1]):
        yield (
            f"{name}.training.small_size: received {list(training.small_size)}, which is not smaller than "
            f"the images that are shown otherwise, {list(size)} without a margin; choose less, or small_epochs: 0."
        )
    if parameters.model.head == "flatten":
        yield (
            f"{name}.training.small_epochs: received {training.small_epochs}, but model.head: flatten has other "
            f"weights for images of another size; choose average_pool, or small_epochs: 0."
        )


def _uneven_batch(name: str, training: TrainingParameters) -> Iterator[str]:
    """A batch that devices and hosts cannot share; how many ``all`` devices are is known when the training starts."""
    devices = 1 if training.devices == "all" else training.devices
    if training.batch_size % (devices * training.hosts) == 0:
        return
    sharing, keys = f"{devices} devices", "training.devices"
    if training.hosts > 1:
        sharing = f"{sharing} on each of {training.hosts} hosts" if devices > 1 else f"{training.hosts} hosts"
        keys = "training.devices and training.hosts"
    yield (
        f"{name}.training.batch_size: received {training.batch_size}, which {sharing} cannot share evenly; choose a "
        f"multiple of {devices * training.hosts}, or other {keys}."
    )


def _too_few_images(name: str, limit: int, dataset: Dataset, parameters: NamespaceParameters) -> Iterator[str]:
    classes = len(dataset.class_names) - len(dataset.empty_classes)
    fraction, batch = parameters.data.validation_fraction, parameters.training.batch_size
    left = limit - round(limit * fraction)
    if fraction and round(limit * fraction) < classes:
        yield (
            f"{name}.data.training_images: received {limit}, which leaves fewer validation images than the "
            f"{classes} classes; raise it, or validation_fraction."
        )
    elif left < batch:
        yield (
            f"{name}.training.batch_size: received {batch}, but data.training_images of {limit} leaves only {left} "
            f"images to train on; choose a smaller batch or more images."
        )
