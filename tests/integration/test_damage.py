"""One flipped bit in anything that is stored: noticed before use, and made again."""

from pathlib import Path
from typing import Any

import pytest

from mnist_resnet.hooks.freshness import StaleInputError
from mnist_resnet.storage.artifacts import sha256_of_path
from tests.conftest import flip_a_bit
from tests.integration.conftest import Planner, Project

pytestmark = [pytest.mark.integration, pytest.mark.landing]

WEIGHTS = "06_models/saved_model/variables/variables.data-00000-of-00001"
REFERENCE = "07_model_output/reference_probabilities.npy"
# Each kind of artifact: its name in the catalog, where it is but for its data set's folder, the pipeline that makes it,
# a node of that, and a later pipeline.
KINDS = {
    "raw training images": ("published_images", "01_raw/train-images-idx3-ubyte", "data", "fetch_files", "train"),
    "raw test images": ("published_test_images", "01_raw/t10k-images-idx3-ubyte", "data", "fetch_files", "evaluate"),
    "test labels": ("test_labels", "05_model_input/test_labels.npy", "data", "read_test_part", "evaluate"),
    "split images": ("train_images", "05_model_input/train_images.npy", "data", "split", "train"),
    "split labels": ("validation_labels", "05_model_input/validation_labels.npy", "data", "split", "export"),
    "preprocessing": ("preprocessing", "05_model_input/preprocessing.json", "data", "fix_preprocessing", "train"),
    "network": ("model", "06_models/model.keras", "train", "train", "export"),
    "history": ("history", "06_models/history.json", "train", "record_history", "evaluate"),
    "SavedModel": ("saved_model", "06_models/saved_model/saved_model.pb", "export", "check_exports", "evaluate"),
    "SavedModel's weights": ("saved_model", WEIGHTS, "export", "check_exports", "evaluate"),
    "ONNX": ("onnx", "06_models/model.onnx", "export", "check_exports", "evaluate"),
    "variant": ("variants", "06_models/variants/model.int8.onnx", "export", "make_variants", "evaluate"),
    "reference": ("reference_probabilities", REFERENCE, "export", "classify_test_images", "evaluate"),
}


def _run(project: Project, **options: Any) -> None:
    project.run({"tracking": {"enabled": False}}, namespaces=["squares"], **options)


def _file(project: Project, path: str) -> Path:
    room, _, name = path.partition("/")
    return project.folder / "data" / room / "squares" / name


# One for each way of storing; the others in the long form.
_QUICK = {"raw training images", "split images", "network", "SavedModel's weights", "ONNX", "preprocessing"}


@pytest.mark.parametrize(
    ("name", "path", "stage", "node", "later"),
    [
        pytest.param(*values, id=kind, marks=[] if kind in _QUICK else pytest.mark.slow)
        for kind, values in KINDS.items()
    ],
)
def test_a_flipped_bit_is_refused_by_later_stages_and_made_again(
    trained: Project, name: str, path: str, stage: str, node: str, later: str
) -> None:
    flip_a_bit(_file(trained, path))
    with pytest.raises(StaleInputError) as refused:
        _run(trained, pipeline_names=[later])
    assert f"squares.{name} has changed since" in str(refused.value)
    assert f"Run `kedro run --pipelines {stage} --namespaces squares` first" in str(refused.value)

    planner = Planner()
    _run(trained, only_missing_outputs=True, runner=planner)
    assert node in planner.planned


@pytest.mark.slow
@pytest.mark.parametrize("path", [path for _, path, *_ in KINDS.values()], ids=KINDS)
def test_after_a_flipped_bit_all_is_whole_again(trained: Project, path: str) -> None:
    damaged = _file(trained, path)
    before = sha256_of_path(damaged)
    fixed = damaged.suffix in {"", ".npy"}  # other formats hold dates and made-up names
    flip_a_bit(damaged)
    _run(trained, only_missing_outputs=True)
    assert not fixed or sha256_of_path(damaged) == before
    planner = Planner()
    _run(trained, only_missing_outputs=True, runner=planner)
    assert planner.planned == set()
