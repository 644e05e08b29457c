"""Values that are right by themselves and impossible together."""

from collections import Counter
from collections.abc import Iterator

from mnist_resnet.config.parameters import NamespaceParameters, Parameters, TrainingParameters
from mnist_resnet.config.published_data import Dataset


def impossible_combinations(parameters: Parameters) -> Iterator[str]:
    """The faults of a configuration, each with its key, its value and the remedy.

    Args:
        parameters: Of the right types, and each within its range.
    """
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
