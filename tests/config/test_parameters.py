from dataclasses import FrozenInstanceError
from operator import attrgetter

import pytest

from mnist_resnet.config import DebianSource, HttpsSource, NpmSource, validate_parameters
from tests.conftest import PROJECT, recipe_parameters

CONF = PROJECT / "conf"

WRONG_TYPES = [
    ("mnist.training.epochs", "three", "a valid integer"),
    ("mnist.training.epochs", 3.0, "a valid integer"),
    ("mnist.training.epochs", True, "a valid integer"),
    ("mnist.training.epochs", None, "a valid integer"),
    ("mnist.training.patience", True, "a valid integer"),  # where null is one of the values
    ("mnist.training.learning_rate", "0.1", "a valid number"),
    ("mnist.training.learning_rate", True, "a valid number"),
    ("mnist.training.nesterov", 1, "a valid boolean"),
    ("mnist.training.nesterov", "true", "a valid boolean"),
    ("mnist.model.projection_norm", None, "a valid boolean"),
    ("mnist.preprocessing.size", 32, "a valid tuple"),
    ("mnist.preprocessing.size", [32, 32, 32], "at most 2 items"),
    ("mnist.training", 3, "a dictionary"),
    ("datasets.mnist.title", 5, "must be text"),
    ("datasets.mnist.sources.2.version", 1.2, "a valid string"),
]

QUOTES = "such as no, null and 7 as something else: put it in quotes"

# The nearest values beyond a bound, the words that name it, and the parameters that have it.
BOUNDS = [
    (
        0,
        "greater than or equal to 1",
        "training.epochs training.batch_size training.patience data.training_images model.hidden_units "
        "export.variants.choice_images evaluation.robustness.validation_images",
    ),
    (-1, "greater than or equal to 0", "training.seed training.max_shift"),
    (
        -0.1,
        "greater than or equal to 0",
        "training.weight_decay training.erased_fraction data.validation_fraction export.variants.least_speed",
    ),
    (
        0.0,
        "greater than 0",
        "training.learning_rate training.average_decay export.variants.tolerance "
        "export.variants.kernel_tolerance release.significance",
    ),
    (
        1.0,
        "less than 1",
        "training.momentum training.average_decay data.validation_fraction release.significance "
        "release.robustness_floor",
    ),
    ([], "at least 1 item", "export.parity_batch_sizes export.variants.calibration_methods evaluation.providers"),
]

OUT_OF_RANGE = [
    *((f"mnist.{key}", value, remedy) for value, remedy, keys in BOUNDS for key in keys.split()),
    ("mnist.training.epochs", -1, "greater than or equal to 1"),
    ("mnist.training.seed", 2**32, "less than 4294967296"),
    ("mnist.training.learning_rate", float("inf"), "a finite number"),
    ("mnist.training.learning_rate", float("nan"), "a finite number"),
    ("mnist.training.momentum", float("nan"), "less than 1"),
    ("mnist.training.optimizer", "adamw", "'sgd' or 'adam'"),
    ("mnist.training.schedule", "step", "'one_cycle', 'cosine' or 'constant'"),
    ("mnist.training.erased_fraction", 1.1, "less than or equal to 1"),
    ("mnist.training.devices", 0, "`all`, or a number from 1 on"),
    ("mnist.training.devices", "2", "`all`, or a number from 1 on"),
    ("mnist.training.devices", True, "`all`, or a number from 1 on"),
    ("mnist.data.validation", "first", "'stratified' or 'last'"),
    ("mnist.model.batch_norm_epsilon", 1e-5, "greater than or equal to 0.00001001"),
    (
        "mnist.model.architecture",
        "resnet19",
        "'resnet_tiny', 'resnet14_wide2', 'resnet14_wide4', "
        "'resnet10', 'resnet18', 'resnet34', 'resnet50', 'resnet101' or 'resnet152'",
    ),
    ("mnist.model.stem", "5x5", "'7x7', '3x3' or '3x3_strided'"),
    ("mnist.model.kernel_initializer", "zeros", "'he_normal' or 'glorot_uniform'"),
    ("mnist.model.head", "no_head", "'average_pool' or 'flatten'"),
    ("mnist.preprocessing.method", "crop", "'pad' or 'resize'"),
    ("mnist.preprocessing.scaling", "none", "'standardize' or 'unit'"),
    ("mnist.training.precision", "float64", "'auto', 'float32', 'mixed_float16' or 'mixed_bfloat16'"),
    ("mnist.export.opset", 12, "greater than or equal to 13"),
    ("mnist.export.opset", 19, "less than or equal to 18"),
    ("mnist.evaluation.providers", ["CPUExecutionProvider"] * 2, "repeated: CPUExecutionProvider"),
    ("mnist.evaluation.latency.calls", 1, "greater than or equal to 2"),
    ("tracking.experiment", "", "at least 1 character"),
    ("datasets.mnist.class_names", ["odd", "odd", "even"], "must be distinct; repeated: odd"),
    ("datasets.mnist.class_names", ["only"], "lists 1; a classifier has 2 to 256 classes"),
    ("datasets.mnist.class_names", [], "lists 0; a classifier has 2 to 256 classes"),
    ("datasets.mnist.class_names", [str(name) for name in range(257)], "lists 257; a classifier has 2 to 256 classes"),
    ("datasets.mnist.class_names.0", 0, QUOTES),
    ("datasets.mnist.class_names.9", False, QUOTES),
    ("datasets.mnist.class_names.9", None, QUOTES),
    ("datasets.mnist.class_names.9", "ni\nne", "must be on one line"),
    ("datasets.mnist.title", "MN\nIST", "must be on one line"),
    ("datasets.mnist.empty_classes", ["9", "9"], "must be distinct; repeated: 9"),
    ("datasets.mnist.first_label", "1", "should be a valid integer"),
    ("datasets.mnist.first_label", True, "should be a valid integer"),
    ("datasets.mnist.image_size.0", 0, "greater than or equal to 1"),
    ("datasets.mnist.image_size.1", 4097, "less than or equal to 4096"),
    ("datasets.mnist.files.train_images.name", "folder/name", "a file name without any folder"),
    ("datasets.mnist.files.train_images.name", "/name", "a file name without any folder"),
    ("datasets.mnist.files.train_images.name", "..", "a file name without any folder"),
    ("datasets.mnist.files.train_images.name", "", "a file name without any folder"),
    ("datasets.mnist.files.train_images.size", 0, "greater than or equal to 1"),
    ("datasets.mnist.files.train_images.sha256", "A" * 64, "match pattern '^[0-9a-f]{64}$'"),
    ("datasets.mnist.files.train_images.sha256", "a" * 63, "match pattern '^[0-9a-f]{64}$'"),
    ("datasets.mnist.sources.0.url", "http://example.org/mnist/", "'^https://"),
    ("datasets.mnist.sources.0.url", "https://example.org/mnist", "/$'"),
    ("datasets.mnist.sources.0.url", "https://user:password@example.org/mnist/", "'^https://"),
    ("datasets.mnist.sources.0.url", "https://example.org/mnist/?token=1/", "'^https://"),
    ("datasets.mnist.sources.0", {"kind": "ftp"}, "'https', 'npm', 'debian'"),
    ("datasets.mnist.sources.2.package", "--registry=http://example.org", "match pattern"),
    ("datasets.mnist.sources.2.version", "latest", "match pattern"),
    ("datasets.fashion_mnist.sources.2.package", "-oDir=x", "match pattern"),
    ("datasets.fashion_mnist.sources.2.folder", "usr/share", "match pattern '^/"),
]


@pytest.mark.parametrize(("key", "value", "remedy"), WRONG_TYPES + OUT_OF_RANGE)
def test_the_fault_names_the_key_the_value_and_the_remedy(faults, key, value, remedy):
    (fault,) = faults({key: value})
    assert fault.startswith(f"{key}: received {value!r}")
    assert remedy in fault


def test_a_size_of_one_number_lacks_the_other(faults):
    (fault,) = faults({"mnist.preprocessing.size": [32]})
    assert fault.startswith("mnist.preprocessing.size.1: missing")


def test_the_typed_parameters_hold_what_the_raw_ones_say(raw_parameters):
    parameters = validate_parameters(raw_parameters)
    mnist = parameters.namespaces["mnist"]
    assert parameters.recipe == "base"
    assert set(parameters.namespaces) == set(parameters.datasets) >= {"mnist", "fashion_mnist"}
    assert mnist.preprocessing.size == (32, 32)
    assert mnist.training.epochs == raw_parameters["mnist"]["training"]["epochs"]
    assert mnist.evaluation.latency.latency_batch_sizes == (1,)
    assert parameters.datasets["mnist"].files.test_labels.size == 10008
    assert [type(source) for source in parameters.datasets["mnist"].sources] == [HttpsSource, HttpsSource, NpmSource]
    assert isinstance(parameters.datasets["fashion_mnist"].sources[-1], DebianSource)


def test_typed_parameters_cannot_be_changed(raw_parameters):
    training = validate_parameters(raw_parameters).namespaces["mnist"].training
    with pytest.raises(FrozenInstanceError):
        training.epochs = 100


# What the tutorials have in common: nothing that they do not speak of.
TUTORIAL = {
    "model.preactivation": False,
    "model.convolution_bias": True,
    "model.kernel_initializer": "glorot_uniform",
    "model.batch_norm_momentum": 0.99,
    "model.batch_norm_epsilon": 1e-3,
    "model.zero_last_gamma": False,
    "preprocessing.scaling": "unit",
    "training.schedule": "constant",
    "training.weight_decay": 0,
    "training.label_smoothing": 0,
    "training.small_epochs": 0,
    "training.max_shift": 0,
    "training.unshifted_epochs": 0,
    "training.horizontal_flip": False,
    "training.erased_fraction": 0,
    "training.patience": None,
    "training.keep_best_epoch": False,
    "export.average_flips": False,
}
ADAM = {
    "training.optimizer": "adam",
    "training.learning_rate": 0.001,
    "training.batch_size": 64,
    "training.precision": "float32",
}
SGD = {
    "training.optimizer": "sgd",
    "training.learning_rate": 0.05,
    "training.momentum": 0,
    "training.nesterov": False,
    "training.batch_size": 256,
}
WHOLE = {"data.validation": "last", "data.validation_fraction": 0.2, "data.training_images": None}
# Beyond what was published: the weights that are kept are averaged.
AVERAGED, PLAIN = {"training.average_decay": 0.995}, {"training.average_decay": None}

# What each recipe is there for: values of its own, in the data sets it is run with. That the tutorials' networks are
# those that were published is tested with the networks.
RECIPES = {
    ("base", "mnist"): {
        "model.architecture": "resnet18",
        "preprocessing.method": "pad",
        "training.horizontal_flip": False,
    },
    ("base", "fashion_mnist"): {
        "preprocessing.method": "resize",
        "training.epochs": 4,
        "training.horizontal_flip": True,
    },
    ("smoke", "mnist"): {"model.architecture": "resnet_tiny", "training.epochs": 1, "training.warmup_fraction": 0.25},
    ("smoke", "fashion_mnist"): {"model.architecture": "resnet_tiny", "training.epochs": 1},
    ("fast", "mnist"): {"model.architecture": "resnet10", "training.epochs": 1},
    ("fast", "fashion_mnist"): {"model.architecture": "resnet10", "training.horizontal_flip": True},
    ("accurate", "mnist"): {"model.stem": "3x3", "training.horizontal_flip": False, "export.average_flips": False},
    ("accurate", "fashion_mnist"): {
        "preprocessing.size": (28, 28),
        "training.horizontal_flip": True,
        "export.average_flips": True,
    },
    ("mnist_32", "mnist"): TUTORIAL | ADAM | WHOLE | AVERAGED | {"training.epochs": 5, "preprocessing.method": "pad"},
    ("d2l_fashion_28", "fashion_mnist"): TUTORIAL | ADAM | WHOLE | AVERAGED | {"training.epochs": 5},
    ("d2l_fashion_96", "fashion_mnist"): {
        **(TUTORIAL | SGD | PLAIN),
        "data.validation_fraction": 0,
        "data.training_images": None,
        "preprocessing.method": "resize",
        "training.epochs": 10,
    },
    ("d2l_keras_224", "fashion_mnist"): {
        **(TUTORIAL | ADAM | PLAIN),
        "preprocessing.method": "resize",
        "training.epochs": 1,
    },
}


def test_every_recipe_that_is_known_here_is_there():
    assert {path.parent.name for path in CONF.glob("*/globals.yml")} >= {recipe for recipe, _ in RECIPES}


@pytest.mark.parametrize(("recipe", "namespace"), RECIPES)
def test_the_recipes_of_this_project_say_what_they_are_there_for(recipe, namespace):
    parameters = validate_parameters(recipe_parameters(recipe))
    assert parameters.recipe == recipe
    expected = RECIPES[recipe, namespace]
    assert {key: attrgetter(key)(parameters.namespaces[namespace]) for key in expected} == expected


def test_the_224_recipe_takes_one_step():
    parameters = validate_parameters(recipe_parameters("d2l_keras_224")).namespaces["fashion_mnist"]
    share = 1 - parameters.data.validation_fraction
    assert parameters.data.training_images * share == parameters.training.batch_size == 64
