"""Made data, small enough that a test of the whole flow takes seconds."""

import gc
import os
import resource
import signal
import sys
import tracemalloc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import absl.logging
import numpy as np
import pytest
from kedro.config import OmegaConfigLoader

from mnist_resnet.config import (
    DataParameters,
    Dataset,
    EvaluationParameters,
    ExportParameters,
    IdxFile,
    IdxFiles,
    ModelParameters,
    NamespaceParameters,
    TrainingParameters,
    VariantParameters,
    validate_parameters,
)
from mnist_resnet.data.idx import encode
from mnist_resnet.data.split import Split
from mnist_resnet.preprocessing import Preprocessing
from mnist_resnet.settings import CONFIG_LOADER_ARGS
from tests.made_model import linear_model

# Kedro's logging set-up closes all handlers; absl's, which TensorFlow brings, would close pytest's stream with itself.
absl.logging.get_absl_handler().python_handler.setStream(sys.__stderr__)

# Tests that import Keras themselves neither read nor write the settings in the home of whoever runs them.
os.environ.setdefault("KERAS_HOME", os.devnull)

# A suite in the background ignores SIGINT, and so would all that it starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

PROJECT = Path(__file__).parents[1]
CLASSES = 3
KINDS = ("images", "labels")


@pytest.fixture(scope="session", autouse=True)
def short_garbage_collections() -> Iterator[None]:
    """Keras collects garbage at the start of each training: not among the million objects that the imports made."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


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


def make_data(arrays: Mapping[str, np.ndarray], names: Mapping[str, str] | None = None, **described: Any) -> MadeData:
    """A data set of these arrays by role, under file names by role; ``described`` is what else ``Dataset`` takes."""
    contents = {role: encode(array) for role, array in arrays.items()}
    files = {
        role: IdxFile(name=(names or {}).get(role, f"{role}-idx"), size=len(each), sha256=sha256(each).hexdigest())
        for role, each in contents.items()
    }
    return MadeData(contents, arrays, Dataset(image_size=(8, 8), files=IdxFiles(**files), **described))


@pytest.fixture(scope="session")
def made_data() -> MadeData:
    parts = {"train": make_images(240, seed=1), "test": make_images(60, seed=2)}
    arrays = {f"{part}_{kind}": each for part, pair in parts.items() for kind, each in zip(KINDS, pair, strict=True)}
    return make_data(arrays, title="Made squares", class_names=("left", "right", "below"))


@pytest.fixture(scope="session")
def made_split(made_data: MadeData) -> Split:
    images, labels = made_data.arrays["train_images"], made_data.arrays["train_labels"]
    return Split(images[:192], labels[:192], images[192:], labels[192:])


@pytest.fixture
def precision_before() -> Iterator[str]:
    """The precision policy of Keras, which is put back after the test."""
    import keras

    before = keras.config.dtype_policy()
    yield before.name
    keras.config.set_dtype_policy(before)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow store to copy, since the first use of a new one takes seconds of migrations."""
    import mlflow

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    mlflow.MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture(scope="session")
def base() -> NamespaceParameters:
    """The parameters of MNIST in conf/base, from which tests differ in what they say."""
    return validate_parameters(recipe_parameters("base")).namespaces["mnist"]


@pytest.fixture(scope="session")
def data_parameters(base: NamespaceParameters) -> DataParameters:
    return replace(base.data, validation_fraction=0.2)


@pytest.fixture(scope="session")
def preprocessing() -> Preprocessing:
    return Preprocessing("pad", (10, 10), 50.0, 0.02)


@pytest.fixture(scope="session")
def model_parameters(base: NamespaceParameters) -> ModelParameters:
    return replace(base.model, architecture="resnet_tiny", zero_last_gamma=False)


@pytest.fixture(scope="session")
def training_parameters(base: NamespaceParameters) -> TrainingParameters:
    changes = {"epochs": 2, "batch_size": 16, "learning_rate": 0.05, "max_shift": 1, "unshifted_epochs": 0}
    return replace(base.training, **changes, checkpoint_seconds=0)


@pytest.fixture(scope="session")
def variant_parameters(base: NamespaceParameters) -> VariantParameters:
    changes = {"tolerance": 0.1, "calibration_images": 64, "choice_images": 64, "timed_calls": 2}
    return replace(base.export.variants, **changes, least_speed=None)


@pytest.fixture(scope="session")
def export_parameters(base: NamespaceParameters, variant_parameters: VariantParameters) -> ExportParameters:
    return replace(base.export, parity_rounding_factor=0.0, variants=variant_parameters)


@pytest.fixture(scope="session")
def evaluation_parameters(base: NamespaceParameters) -> EvaluationParameters:
    latency = replace(base.evaluation.latency, warm_up=1, calls=2, throughput_batch_sizes=(8,))
    robustness = replace(base.evaluation.robustness, images=20, validation_images=20)
    return replace(
        base.evaluation, providers=("CPUExecutionProvider",), batch_size=32, latency=latency, robustness=robustness
    )


def flip_a_bit(path: Path) -> None:
    """Change one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """This process may not write beyond so many bytes of a file: as on a full disk, for any user on any machine."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def memory_below(most: int) -> Iterator[None]:
    """Python allocates fewer than so many bytes at any moment of the block."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < most


@cache
def _parameters_of(recipe: str) -> dict[str, Any]:
    return OmegaConfigLoader(str(PROJECT / "conf"), env=recipe, **CONFIG_LOADER_ARGS)["parameters"]


def recipe_parameters(recipe: str) -> dict[str, Any]:
    """The parameters of a recipe, the folder of conf/ by that name, as Kedro reads them; to be changed at will."""
    return deepcopy(_parameters_of(recipe))


@pytest.fixture
def raw_parameters() -> dict[str, Any]:
    return recipe_parameters("base")


@pytest.fixture(scope="session")
def model_bytes() -> bytes:
    return linear_model()
