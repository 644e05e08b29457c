import pytest

from mnist_resnet.config import ConfigurationError, validate_parameters
from mnist_resnet.errors import UserError

UNKNOWN_KEYS = [
    ("mnist.training.epoch", 7, "did you mean 'epochs'?"),
    ("mnist.training.keep_best", True, "did you mean 'keep_best_epoch'?"),
    ("mnist.model.pre_activation", True, "did you mean 'preactivation'?"),
    ("mnist.evaluation.latency.warmup", 7, "did you mean 'warm_up'?"),
    ("tracking.enable", True, "did you mean 'enabled'?"),
    ("datasets.mnist.classnames", ["a"], "did you mean 'class_names'?"),
    ("datasets.mnist.sources.0.urls", "x", "did you mean 'url'?"),
    ("mnist.training.zzqqxx", None, "remove it, or correct its name"),
]

MISSING_KEYS = [
    ("mnist.training.epochs", "conf/base/parameters.yml"),
    ("mnist.model.hidden_units", "conf/base/parameters.yml"),
    ("mnist.data.validation", "conf/base/parameters.yml"),
    ("mnist.evaluation", "conf/base/parameters.yml"),
    ("tracking.experiment", "conf/base/parameters.yml"),
    ("recipe", "conf/base/parameters.yml"),
    ("datasets.mnist.title", "conf/base/datasets.yml"),
    ("datasets.mnist.files.test_labels.sha256", "conf/base/datasets.yml"),
]

# Changes, and the parts of the line that refuses them.
IMPOSSIBLE = [
    ({"mnist.preprocessing.size": [20, 20]}, "mnist.preprocessing.size: received [20, 20] … [28, 28] … method: resize"),
    ({"mnist.preprocessing.size": [32, 27]}, "mnist.preprocessing.size: received [32, 27] … [28, 28]"),
    ({"mnist.preprocessing.size": [27, 32]}, "mnist.preprocessing.size: received [27, 32] … [28, 28]"),
    ({"mnist.training.max_shift": 28}, "mnist.training.max_shift: received 28 … less than 28"),
    (
        {"mnist.training.max_shift": 10, "datasets.mnist.image_size": [28, 10]},
        "mnist.training.max_shift: received 10 … [28, 10] … less than 10",
    ),
    (
        {"mnist.data.training_images": 268},
        "mnist.training.batch_size: received 256 … data.training_images of 268 leaves only 255 images … smaller batch",
    ),
    (
        {"mnist.training.devices": 3},
        "mnist.training.batch_size: received 256 … 3 devices cannot share evenly … a multiple of 3",
    ),
    (
        {"mnist.training.hosts": 3},
        "mnist.training.batch_size: received 256 … 3 hosts cannot share evenly … of 3, or other … training.hosts",
    ),
    (
        {"mnist.training.hosts": 3, "mnist.training.devices": 2},
        "mnist.training.batch_size: received 256 … 2 devices on each of 3 hosts cannot share evenly … a multiple of 6",
    ),
    ({"mnist.training.hosts": 3, "mnist.training.devices": "all"}, "mnist.training.batch_size: received 256 … 3 hosts"),
    ({"datasets.mnist.empty_classes": ["ten"]}, "datasets.mnist.empty_classes: received 'ten' … not in class_names"),
    (
        {"datasets.mnist.empty_classes": [str(name) for name in range(9)]},
        "datasets.mnist.empty_classes: lists 9 of 10 classes … at least 2 need images",
    ),
    (
        {"mnist.training.small_epochs": 3},
        "mnist.training.small_epochs: received 3 … there are 3 epochs … choose fewer",
    ),
    (
        {"mnist.training.small_epochs": 1, "mnist.training.small_size": [20, 32]},
        "mnist.training.small_size: received [20, 32] … not smaller than … [28, 28] … choose less, or small_epochs: 0",
    ),
    (
        {
            "mnist.preprocessing.size": [64, 64],
            "mnist.training.small_epochs": 1,
            "mnist.training.small_size": [48, 48],
        },
        "mnist.training.small_size: received [48, 48] … not smaller than … [28, 28] without a margin",
    ),
    (
        {
            "mnist.preprocessing.method": "resize",
            "mnist.training.small_epochs": 1,
            "mnist.training.small_size": [32, 20],
        },
        "mnist.training.small_size: received [32, 20] … not smaller than … [32, 32]",
    ),
    (
        {"mnist.export.average_flips": True},
        "mnist.export.average_flips: received true … set training.horizontal_flip: true, or average_flips: false",
    ),
    (
        {"mnist.training.small_epochs": 1, "mnist.model.head": "flatten"},
        "mnist.training.small_epochs: received 1 … flatten … choose average_pool, or small_epochs: 0",
    ),
    (
        {"datasets.mnist.files.test_images.name": "train-images-idx3-ubyte"},
        "datasets.mnist.files: received the name 'train-images-idx3-ubyte' more than once",
    ),
    (
        {"mnist.data.training_images": 189},
        "mnist.data.training_images: received 189 … 10 classes … raise it, or validation_fraction",
    ),
    (
        {"mnist.data.validation_fraction": 0, "mnist.training.patience": 2},
        "mnist.training.patience: received 2 … no validation images … raise data.validation_fraction … null",
    ),
    (
        {"mnist.data.validation_fraction": 0, "mnist.training.keep_best_epoch": True},
        "mnist.training.keep_best_epoch: received True … no validation images … raise data.validation_fraction … false",
    ),
]

POSSIBLE = [
    {"mnist.data.training_images": 2000},
    {"mnist.training.learning_rate": 1},
    {"mnist.training.momentum": 0},
    {"mnist.training.max_shift": 0},
    {"mnist.training.small_epochs": 2},
    {"mnist.training.small_size": [64, 64]},
    {"mnist.training.erased_fraction": 1},
    {"mnist.training.average_decay": 0.999},
    {"mnist.data.validation_fraction": 0},
    {"mnist.data.validation": "last"},
    {"mnist.model.hidden_units": 1},
    {"mnist.model.preactivation": True},
    {"mnist.export.average_flips": True, "mnist.training.horizontal_flip": True},
    {"mnist.training.seed": 2**32 - 1},
    {"mnist.preprocessing.scaling": "unit"},
    {"mnist.evaluation.latency.throughput_batch_sizes": []},
    {"datasets.mnist.sources": []},
    {"datasets.mnist.sources": ...},
    {"mnist.training.devices": "all"},
    {"mnist.training.devices": 8},
    {"mnist.training.devices": 8, "mnist.training.hosts": 32},
    {"mnist.preprocessing.size": [28, 28]},
    {"mnist.preprocessing.size": [20, 20], "mnist.preprocessing.method": "resize"},
    {"mnist.training.max_shift": 27},
    {"mnist.data.training_images": 200, "mnist.training.batch_size": 190},
    {"mnist.data.training_images": 1, "mnist.data.validation_fraction": 0, "mnist.training.batch_size": 1},
    {"mnist.data.training_images": 269},
    {
        "mnist.data.training_images": 40,
        "mnist.training.batch_size": 1,
        "datasets.mnist.empty_classes": list("01234567"),
    },
    {"datasets.mnist.class_names": [str(name) for name in range(256)], "datasets.mnist.first_label": -1},
    {"datasets.mnist.image_size": [1, 1], "mnist.training.max_shift": 0},
    {"datasets.mnist.class_names": ["猫", "अ", "😀", "نون"]},
    {"mnist.training.patience": 1, "mnist.training.keep_best_epoch": True},
]


@pytest.mark.parametrize(("key", "value", "remedy"), UNKNOWN_KEYS)
def test_an_unknown_key_is_refused_with_a_suggestion(faults, key, value, remedy):
    (fault,) = faults({key: value})
    assert fault.startswith(f"{key}: unknown key, value {value!r};")
    assert remedy in fault


@pytest.mark.parametrize(("key", "file"), MISSING_KEYS)
def test_a_missing_key_is_refused_with_the_file_to_state_it_in(faults, key, file):
    (fault,) = faults({key: ...})
    assert fault.startswith(f"{key}: missing")
    assert file in fault


@pytest.mark.parametrize(("changes", "parts"), IMPOSSIBLE, ids=lambda case: str(case)[:50])
def test_an_impossible_combination_is_refused(faults, changes, parts):
    (fault,) = faults(changes)
    beginning, *others = parts.split(" … ")
    assert fault.startswith(beginning)
    assert all(part in fault for part in others)


@pytest.mark.parametrize("changes", POSSIBLE, ids=str)
def test_values_and_combinations_at_the_edge_are_possible(changed, changes):
    validate_parameters(changed(changes))


def test_a_namespace_without_a_data_set_is_refused(faults, raw_parameters):
    (fault,) = faults({"kmnist": raw_parameters["mnist"]})
    assert fault == "kmnist: no such data set; add it to conf/base/datasets.yml, or did you mean 'mnist'?"


def test_of_a_namespace_without_a_data_set_nothing_else_is_said(faults):
    fault, other = faults({"mnst": {"training": {"epochs": 1}}, "zzqqxx": {}, "mnist.training.epochs": 5})
    assert fault == "mnst: no such data set; add it to conf/base/datasets.yml, or did you mean 'mnist'?"
    assert other == "zzqqxx: no such data set; add it to conf/base/datasets.yml."


def named(raw: dict, name: object) -> dict:
    """The configuration with one data set more."""
    return raw | {name: raw["mnist"], "datasets": raw["datasets"] | {name: raw["datasets"]["mnist"]}}


@pytest.mark.parametrize(
    "name", ["a.b", "../up", "mnist/x", "a,b", "a:b", "-a", "", 7, "tracking", "recipe", "datasets"]
)
def test_a_name_that_would_be_taken_for_something_else_is_refused(raw_parameters, name):
    only = rf"^These parameters cannot be used:\n- datasets\.{name}: a data set cannot have this name.*$"
    with pytest.raises(ConfigurationError, match=only):
        validate_parameters(named(raw_parameters, name))


def test_names_that_some_disks_take_for_one_are_refused(raw_parameters):
    only = (
        r"^These parameters cannot be used:\n- datasets\.mnist: differs from the name of another data set only by upper"
        r" and lower case, .*\n- datasets\.MNIST: differs"
    )
    with pytest.raises(ConfigurationError, match=only):
        validate_parameters(named(raw_parameters, "MNIST"))


@pytest.mark.parametrize("name", ["a b", "a-b", "É", "数", "__default__", "training", "7"])
def test_other_names_are_possible(raw_parameters, name):
    assert name in validate_parameters(named(raw_parameters, name)).namespaces


def test_without_any_data_set_every_namespace_is_refused(faults):
    assert {line.split(":")[0] for line in faults({"datasets": {}})} >= {"fashion_mnist", "mnist"}


def test_a_data_set_without_a_namespace_is_refused(faults):
    (fault,) = faults({"fashion_mnist": ...})
    assert fault == "fashion_mnist: missing; add its parameters to conf/base/parameters.yml."


def test_all_wrong_values_are_listed_at_once(faults):
    changes = {
        "datasets.mnist.class_names": ["a", "a"],
        "fashion_mnist.model.architecture": "vgg",
        "mnist.data.seed": ...,
        "mnist.training.epoch": 5,
        "mnist.training.epochs": 0,
        "tracking.enabled": "yes",
    }
    assert sorted(line.split(":")[0] for line in faults(changes)) == list(changes)


def test_all_impossible_combinations_are_listed_at_once(faults, raw_parameters):
    changes = {
        "kmnist": raw_parameters["mnist"],
        "fashion_mnist.training.max_shift": 28,
        "fashion_mnist.training.patience": 3,
        "fashion_mnist.training.keep_best_epoch": True,
        "mnist.preprocessing.size": [20, 20],
        "mnist.training.max_shift": 99,
        "mnist.data.training_images": 1,
    }
    refused = faults(changes | {"fashion_mnist.data.validation_fraction": 0.0})
    assert [line.split(":")[0] for line in refused] == list(changes)


def test_the_parameters_are_left_as_they_were(changed):
    raw, untouched = changed({}), changed({})
    validate_parameters(raw)
    assert raw == untouched


def test_a_refusal_is_an_error_that_a_user_can_put_right():
    assert issubclass(ConfigurationError, UserError)
    with pytest.raises(UserError):
        validate_parameters({})
