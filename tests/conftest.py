"""Made data, small enough that a test of the whole flow takes seconds."""

import os
import resource
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import absl.logging
import numpy as np
import pytest
import yaml

from mnist_resnet.config import (
    CudaParameters,
    DataParameters,
    Dataset,
    EvaluationParameters,
    ExportParameters,
    IdxFile,
    IdxFiles,
    LatencyParameters,
    ModelParameters,
    RobustnessParameters,
    TrainingParameters,
    VariantParameters,
    validate_parameters,
)
from mnist_resnet.data.idx import encode
from mnist_resnet.data.split import Split
from mnist_resnet.preprocessing import Preprocessing
from tests.made_model import linear_model

# Kedro's logging set-up closes all handlers; absl's, which TensorFlow brings, would close pytest's stream with itself.
absl.logging.get_absl_handler().python_handler.setStream(sys.__stderr__)

# Tests that import Keras themselves neither read nor write the settings in the home of whoever runs them.
os.environ.setdefault("KERAS_HOME", os.devnull)

# A suite in the background ignores SIGINT, and so would all that it starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

PROJECT = Path(__file__).parents[1]
CLASSES = 3


@dataclass(frozen=True)
class MadeData:
    """An IDX data set of 8×8 images whose class is where the bright square is."""

    contents: Mapping[str, bytes]
    arrays: Mapping[str, np.ndarray]
    dataset: Dataset

    def write(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for role, content in self.contents.items():
            (folder / getattr(self.dataset.files, role).name).write_bytes(content)
        return folder


def make_images(count: int, seed: int, size: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Noisy images with a bright square at one of three places, and which place that is."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.uint8) % CLASSES
    images = generator.integers(0, 60, (count, size, size), dtype=np.uint8)
    corners = [(1, 1), (1, size - 4), (size - 4, 2)]
    for image, label in zip(images, labels, strict=True):
        row, column = corners[label]
        image[row : row + 3, column : column + 3] += 180
    return images, labels


@pytest.fixture(scope="session")
def made_data() -> MadeData:
    train_images, train_labels = make_images(240, seed=1)
    test_images, test_labels = make_images(60, seed=2)
    arrays = {
        "train_images": train_images,
        "train_labels": train_labels,
        "test_images": test_images,
        "test_labels": test_labels,
    }
    contents = {role: encode(array) for role, array in arrays.items()}
    files = {
        role: IdxFile(name=f"{role}-idx", size=len(content), sha256=sha256(content).hexdigest())
        for role, content in contents.items()
    }
    dataset = Dataset(
        title="Made squares", image_size=(8, 8), class_names=("left", "right", "below"), files=IdxFiles(**files)
    )
    return MadeData(contents, arrays, dataset)


@pytest.fixture
def made_split(made_data: MadeData) -> Split:
    images, labels = made_data.arrays["train_images"], made_data.arrays["train_labels"]
    return Split(images[:192], labels[:192], images[192:], labels[192:])


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow store to copy, since the first use of a new one takes seconds of migrations."""
    import mlflow

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    mlflow.MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def data_parameters() -> DataParameters:
    return DataParameters(seed=0, validation="stratified", validation_fraction=0.2, training_images=None)


@pytest.fixture
def preprocessing() -> Preprocessing:
    return Preprocessing("pad", (10, 10), 50.0, 0.02)


@pytest.fixture
def model_parameters() -> ModelParameters:
    return ModelParameters(
        architecture="resnet_tiny",
        preactivation=False,
        stem="7x7",
        stem_norm=True,
        projection_norm=True,
        convolution_bias=False,
        kernel_initializer="he_normal",
        head="average_pool",
        hidden_units=None,
        batch_norm_momentum=0.9,
        batch_norm_epsilon=0.001,
        zero_last_gamma=False,
    )


@pytest.fixture
def training_parameters() -> TrainingParameters:
    return TrainingParameters(
        seed=0,
        epochs=2,
        batch_size=16,
        optimizer="sgd",
        schedule="one_cycle",
        learning_rate=0.05,
        warmup_fraction=0.25,
        momentum=0.9,
        nesterov=True,
        weight_decay=0.005,
        average_decay=None,
        label_smoothing=0.0,
        max_shift=1,
        unshifted_epochs=0,
        horizontal_flip=False,
        erased_fraction=0.0,
        patience=None,
        keep_best_epoch=False,
        precision="auto",
        deterministic=True,
    )


@pytest.fixture
def variant_parameters() -> VariantParameters:
    return VariantParameters(
        names=("int8", "fp16"),
        tolerance=0.1,
        seed=0,
        calibration_images=64,
        choice_images=64,
        calibration_methods=("minmax", "percentile"),
        kernel_tolerance=0.05,
        timed_calls=2,
    )


@pytest.fixture
def export_parameters(variant_parameters: VariantParameters) -> ExportParameters:
    return ExportParameters(
        opset=17,
        average_flips=False,
        parity_tolerance=1e-5,
        parity_rounding_factor=0.0,
        parity_batch_sizes=(1, 7, 256),
        variants=variant_parameters,
    )


@pytest.fixture
def evaluation_parameters() -> EvaluationParameters:
    return EvaluationParameters(
        providers=("CPUExecutionProvider",),
        require_gpu=False,
        cuda=CudaParameters(
            algorithm_search="exhaustive",
            largest_workspace=True,
            channels_last=False,
            tf32=True,
            graphs=False,
            memory_limit=None,
        ),
        batch_size=32,
        latency=LatencyParameters(warm_up=1, calls=2, latency_batch_sizes=(1,), throughput_batch_sizes=(8,)),
        robustness=RobustnessParameters(images=20, validation_images=20, seed=0),
    )


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """This process may not write beyond so many bytes of a file: as on a full disk, for any user on any machine."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def base_parameters() -> dict[str, Any]:
    """The parameters of conf/base as Kedro would merge them."""
    texts = [(PROJECT / "conf" / "base" / f"{name}.yml").read_text() for name in ("parameters", "datasets")]
    merged = {key: value for text in texts for key, value in yaml.safe_load(text).items()}
    return {**merged, "recipe": "base"}


def recipe_parameters(recipe: str) -> dict[str, Any]:
    """The parameters of a recipe, the folder of conf/ by that name, as Kedro would merge them over the base."""
    folder = PROJECT / "conf" / recipe
    settings = yaml.safe_load((folder / "globals.yml").read_text())
    above = {} if recipe == "base" else yaml.safe_load((folder / "parameters.yml").read_text())
    return {**_soft_merged(base_parameters(), above), "recipe": settings["recipe"]}


def _soft_merged(below: Any, above: Any) -> Any:
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    merged = {key: _soft_merged(below[key], value) if key in below else value for key, value in above.items()}
    return {**below, **merged}


@pytest.fixture
def raw_parameters() -> dict[str, Any]:
    parameters = base_parameters()
    validate_parameters(parameters)
    return parameters


@pytest.fixture(scope="session")
def model_bytes() -> bytes:
    return linear_model()
