"""A data set as other publishers make them: through all stages once, and then there is nothing to do."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import yaml

from mnist_resnet.data.check import DataError
from mnist_resnet.data.fetch import STORED_AS
from mnist_resnet.reproduce.preflight import CheckResult
from mnist_resnet.reproduce.raw_data import find_raw_data
from tests.conftest import MadeData, make_data
from tests.integration.conftest import Planner, Project, make_project, times_of

pytestmark = [pytest.mark.integration, pytest.mark.landing]

NAMES = {role: f"squares-{name}" for role, name in STORED_AS.items()}
QUICKLY = {
    "tracking": {"enabled": False},
    "squares": {"training": {"epochs": 1}, "export": {"parity_batch_sizes": [7], "variants": {"names": []}}},
}


@pytest.fixture(scope="module")
def unusual(made_data: MadeData) -> MadeData:
    """Labels from 1 to 3 as 32-bit integers, floating-point images with a channel, and class names of other scripts.

    There are no training images of the class 無, and no test images of that and of नीचे.
    """
    tested = made_data.arrays["test_labels"] != 2
    arrays = {
        "train_images": made_data.arrays["train_images"].astype(">f4")[..., np.newaxis],
        "train_labels": made_data.arrays["train_labels"].astype(">i4") + 1,
        "test_images": made_data.arrays["test_images"][tested],
        "test_labels": made_data.arrays["test_labels"][tested].astype(">i4") + 1,
    }
    names = ("left|", "☜ right", "नीचे", "無")
    return make_data(arrays, NAMES, title="Unusual □", class_names=names, first_label=1, empty_classes=("無",))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, unusual: MadeData, empty_store: Path) -> Project:
    """A project whose mirror has the files of that data set alone, laid out as Kaggle does, with dots."""
    project = make_project(tmp_path_factory.mktemp("unusual"), unusual, empty_store)
    for role, content in unusual.contents.items():
        name = NAMES[role].replace("-idx", ".idx")
        (project.folder / "mirror 1" / name).mkdir(parents=True)
        (project.folder / "mirror 1" / name / name).write_bytes(content)
    return project


@pytest.fixture(scope="module", autouse=True)
def in_its_folder(project: Project) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.folder)
        for variable in ("MLFLOW_TRACKING_URI", "MNIST_RESNET_DATA_MIRROR"):
            patch.delenv(variable, raising=False)
        yield


def run(project: Project, params: dict[str, Any] | None = None, **options: Any) -> None:
    project.run(QUICKLY | (params or {}), namespaces=["squares"], **options)


@pytest.fixture(scope="module")
def evaluated(project: Project) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MNIST_RESNET_DATA_MIRROR", f"file://{project.folder}/mirror%201")
        run(project, {"tracking": {"enabled": True}}, pipeline_names=["training"])
    shutil.rmtree(project.folder / "mirror 1")
    return json.loads((project.folder / "data/08_reporting/squares/evaluation.json").read_text(encoding="utf-8"))


def test_published_files_are_kept_byte_by_byte(project: Project, evaluated: dict[str, Any], unusual: MadeData) -> None:
    kept = {path.name: path.read_bytes() for path in (project.folder / "data/01_raw/squares").iterdir()}
    assert kept == {STORED_AS[role]: content for role, content in unusual.contents.items()}


def test_the_model_is_given_bytes_and_classes_counted_from_0(
    project: Project, evaluated: dict[str, Any], made_data: MadeData
) -> None:
    folder = project.folder / "data/05_model_input/squares"
    arrays = {path.stem: np.load(path) for path in folder.glob("*.npy")}
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.uint8)}
    for part in ("train", "validation"):
        for image, label in zip(arrays[f"{part}_images"], arrays[f"{part}_labels"], strict=True):
            index = np.flatnonzero((made_data.arrays["train_images"] == image).all(axis=(1, 2)))
            assert made_data.arrays["train_labels"][index] == label
    assert np.unique(arrays["test_labels"]).tolist() == [0, 1]


def test_classes_without_images_have_no_figures(project: Project, evaluated: dict[str, Any]) -> None:
    per_class = evaluated["variants"]["fp32"]["per_class"]
    assert [entry["support"] for entry in per_class.values()] == [20, 20, 0, 0]
    assert per_class["2"] == per_class["3"] == {"precision": None, "recall": None, "f1": None, "support": 0}
    assert evaluated["training_images"] == [64, 64, 64, 0]
    report = (project.folder / "data/08_reporting/squares/report.md").read_text(encoding="utf-8")
    assert "| नीचे | – | – | – | 0 |" in report
    assert "Without training images, so the model cannot recognize them: 無." in report
    assert "Without test images, so their accuracy is unknown: नीचे, 無." in report


def test_names_of_other_scripts_reach_the_exported_file_and_mlflow(
    project: Project, evaluated: dict[str, Any], unusual: MadeData
) -> None:
    (recorded,) = (project.folder / "mlartifacts").rglob("MLmodel")
    known_to_mlflow = yaml.safe_load(recorded.read_text(encoding="utf-8"))["metadata"]
    model = onnx.load(project.folder / "data/06_models/squares/model.onnx")
    in_the_file = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    for metadata in (known_to_mlflow, in_the_file):
        assert tuple(metadata["class_names"]) == unusual.dataset.class_names
    assert in_the_file["dataset"] == "Unusual □"


def test_a_second_run_has_nothing_to_do(project: Project, evaluated: dict[str, Any]) -> None:
    planner = Planner()
    run(project, pipeline_names=["training"], only_missing_outputs=True, runner=planner)
    assert planner.planned == set()


def test_the_kept_files_are_found_again_without_any_source_by_runs_and_reproductions(
    project: Project, evaluated: dict[str, Any], unusual: MadeData
) -> None:
    run(project, pipeline_names=["data"])
    check, place = find_raw_data(project.folder, None, {"squares": asdict(unusual.dataset)})
    assert (check.result, place) == (CheckResult.PASS, str(project.folder / "data/01_raw"))


def described(**changes: Any) -> dict[str, Any]:
    return {"datasets": {"squares": changes}}


REFUSED = {
    "labels": (described(first_label=0), r"class left\| \(label 0\), .* set first_label"),
    "names": (described(class_names=["a", "b"], empty_classes=[]), "from 1 to 3, .* label up to 3"),
    "empty": (described(empty_classes=[]), r'class 無 \(label 4\), .*empty_classes: \["無"\]'),
    "fraction": (
        {"squares": {"data": {"validation_fraction": 0.999}}},
        r"^squares\.data\.validation_fraction: .*0\.999",
    ),
    "batch": (
        {"squares": {"training": {"batch_size": 193}}},
        r"squares\.training\.batch_size: received 193, but there are only 192 images to train on; choose",
    ),
}


@pytest.mark.parametrize(("params", "message"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_kept_files_is_refused_before_any_work(
    project: Project, evaluated: dict[str, Any], params: dict[str, Any], message: str
) -> None:
    before = times_of(project.folder / "data")
    with pytest.raises(DataError, match=message):
        run(project, params, pipeline_names=["training"])
    assert times_of(project.folder / "data") == before


def test_kept_files_without_test_images_are_refused_before_any_work(
    tmp_path: Path, unusual: MadeData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arrays = {**unusual.arrays, "test_labels": np.zeros(0, ">i4")}
    without = make_data(arrays, STORED_AS, title="Unusual □", class_names=("a", "b", "c"), first_label=1)
    project = make_project(tmp_path, without)
    without.write(tmp_path / "data/01_raw/squares")
    with pytest.raises(DataError, match="Unusual □: its test files hold no images"):
        run(project, pipeline_names=["training"])
    assert not (tmp_path / "data/05_model_input").exists()
