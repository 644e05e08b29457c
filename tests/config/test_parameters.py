from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
import yaml

from mnist_resnet.config import DebianSource, HttpsSource, NpmSource, validate_parameters

CONF = Path(__file__).parents[2] / "conf"

WRONG_TYPES = [
    ("mnist.training.epochs", "three", "a valid integer"),
    ("mnist.training.epochs", 3.0, "a valid integer"),
    ("mnist.training.epochs", True, "a valid integer"),
    ("mnist.training.epochs", None, "a valid integer"),
    ("mnist.data.seed", False, "a valid integer"),
    ("mnist.data.training_images", True, "a valid integer"),
    ("mnist.training.learning_rate", "0.1", "a valid number"),
    ("mnist.training.learning_rate", True, "a valid number"),
    ("mnist.training.nesterov", 1, "a valid boolean"),
    ("mnist.training.nesterov", "true", "a valid boolean"),
    ("mnist.evaluation.require_gpu", 0, "a valid boolean"),
    ("mnist.preprocessing.size", 32, "a valid tuple"),
    ("mnist.preprocessing.size", [32, 32, 32], "at most 2 items"),
    ("mnist.training", 3, "a dictionary"),
    ("datasets.mnist.title", 5, "a valid string"),
    ("datasets.mnist.sources.2.version", 1.2, "a valid string"),
]

OUT_OF_RANGE = [
    ("mnist.training.epochs", 0, "greater than or equal to 1"),
    ("mnist.training.epochs", -1, "greater than or equal to 1"),
    ("mnist.training.batch_size", 0, "greater than or equal to 1"),
    ("mnist.training.seed", -1, "greater than or equal to 0"),
    ("mnist.training.seed", 2**32, "less than 4294967296"),
    ("mnist.training.learning_rate", 0, "greater than 0"),
    ("mnist.training.learning_rate", float("inf"), "a finite number"),
    ("mnist.training.learning_rate", float("nan"), "a finite number"),
    ("mnist.training.momentum", 1.0, "less than 1"),
    ("mnist.training.momentum", float("nan"), "less than 1"),
    ("mnist.training.weight_decay", -0.1, "greater than or equal to 0"),
    ("mnist.training.max_shift", -1, "greater than or equal to 0"),
    ("mnist.data.validation_fraction", 0.0, "greater than 0"),
    ("mnist.data.validation_fraction", 1.0, "less than 1"),
    ("mnist.data.training_images", 0, "greater than or equal to 1"),
    ("mnist.model.batch_norm_epsilon", 1e-5, "greater than or equal to 0.00001001"),
    ("mnist.model.variant", "resnet19", "'resnet18' or 'resnet_tiny'"),
    ("mnist.preprocessing.method", "crop", "'pad' or 'resize'"),
    ("mnist.preprocessing.scaling", "none", "'standardize' or 'unit'"),
    ("mnist.training.precision", "float64", "'auto', 'float32', 'mixed_float16' or 'mixed_bfloat16'"),
    ("mnist.export.opset", 12, "greater than or equal to 13"),
    ("mnist.export.opset", 19, "less than or equal to 18"),
    ("mnist.export.parity_batch_sizes", [], "at least 1 item"),
    ("mnist.evaluation.providers", [], "at least 1 item"),
    ("mnist.evaluation.providers", ["CPUExecutionProvider"] * 2, "repeated: CPUExecutionProvider"),
    ("mnist.evaluation.latency.calls", 1, "greater than or equal to 2"),
    ("tracking.experiment", "", "at least 1 character"),
    ("datasets.mnist.class_names", ["odd", "odd", "even"], "must be distinct; repeated: odd"),
    ("datasets.mnist.class_names", ["only"], "at least 2 items"),
    ("datasets.mnist.class_names", [], "at least 2 items"),
    ("datasets.mnist.files.train_images.name", "folder/name", "a file name without any folder"),
    ("datasets.mnist.files.train_images.name", "/name", "a file name without any folder"),
    ("datasets.mnist.files.train_images.name", "..", "a file name without any folder"),
    ("datasets.mnist.files.train_images.name", "", "a file name without any folder"),
    ("datasets.mnist.files.train_images.size", 0, "greater than or equal to 1"),
    ("datasets.mnist.files.train_images.sha256", "A" * 64, "match pattern '^[0-9a-f]{64}$'"),
    ("datasets.mnist.files.train_images.sha256", "a" * 63, "match pattern '^[0-9a-f]{64}$'"),
    ("datasets.mnist.sources.0.url", "http://example.org/mnist/", "'^https://"),
    ("datasets.mnist.sources.0.url", "https://example.org/mnist", "/$'"),
    ("datasets.mnist.sources.0", {"kind": "ftp"}, "'https', 'npm', 'debian'"),
    ("datasets.mnist.sources.2.package", "--registry=http://example.org", "match pattern"),
    ("datasets.mnist.sources.2.version", "latest", "match pattern"),
    ("datasets.fashion_mnist.sources.2.package", "-oDir=x", "match pattern"),
    ("datasets.fashion_mnist.sources.2.folder", "usr/share", "match pattern '^/"),
]

ALLOWED = [
    {"mnist.data.training_images": 2000},
    {"mnist.training.learning_rate": 1},
    {"mnist.training.momentum": 0},
    {"mnist.training.max_shift": 0},
    {"mnist.training.seed": 2**32 - 1},
    {"mnist.preprocessing.scaling": "unit"},
    {"mnist.evaluation.latency.throughput_batch_sizes": []},
    {"datasets.mnist.sources": []},
    {"datasets.mnist.sources": ...},
]


def soft_merged(below, above):
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return {**below, **{key: soft_merged(below[key], value) if key in below else value for key, value in above.items()}}


@pytest.mark.parametrize(("key", "value", "remedy"), WRONG_TYPES + OUT_OF_RANGE)
def test_the_fault_names_the_key_the_value_and_the_remedy(faults, key, value, remedy):
    (fault,) = faults({key: value})
    assert fault.startswith(f"{key}: received {value!r}")
    assert remedy in fault


def test_a_size_of_one_number_lacks_the_other(faults):
    (fault,) = faults({"mnist.preprocessing.size": [32]})
    assert fault.startswith("mnist.preprocessing.size.1: missing")


@pytest.mark.parametrize("changes", ALLOWED, ids=lambda changes: next(iter(changes)))
def test_values_at_the_edge_are_allowed(changed, changes):
    validate_parameters(changed(changes))


def test_the_typed_parameters_hold_what_the_raw_ones_say(raw_parameters):
    parameters = validate_parameters(raw_parameters)
    mnist = parameters.namespaces["mnist"]
    assert parameters.recipe == "base"
    assert set(parameters.namespaces) == set(parameters.datasets) == {"mnist", "fashion_mnist"}
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


@pytest.mark.parametrize("recipe", ["base", "smoke"])
def test_the_recipes_of_this_project_are_valid(recipe):
    folders = ["base"] if recipe == "base" else ["base", recipe]
    merged = {}
    for path in [path for folder in folders for path in sorted((CONF / folder).glob("*.yml"))]:
        if path.stem in {"parameters", "datasets"}:
            merged = soft_merged(merged, yaml.safe_load(path.read_text()))
    settings = yaml.safe_load((CONF / recipe / "globals.yml").read_text())
    parameters = validate_parameters({**merged, "recipe": settings["recipe"]})
    assert parameters.recipe == recipe
    assert parameters.namespaces["mnist"].training.epochs == {"base": 3, "smoke": 1}[recipe]
    assert parameters.namespaces["mnist"].training.warmup_fraction == 0.25
