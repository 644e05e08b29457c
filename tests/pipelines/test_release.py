"""The contest for champion among models that MLflow holds, and runs whose champion cannot be asked."""

import json
import logging
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest

from mnist_resnet.config import Dataset, EvaluationParameters, ReleaseParameters
from mnist_resnet.pipelines.evaluate import create_pipeline
from mnist_resnet.pipelines.evaluate.release import release
from mnist_resnet.tracking import registry
from mnist_resnet.tracking.logged_model import LoggedModel
from mnist_resnet.tracking.registry_datasets import ChampionDataset, ReleaseDataset
from mnist_resnet.tracking.tracked_run import TrackedRun
from tests.conftest import MadeData
from tests.made_model import CLASS_NAMES, bright_half, halves_model

# Ten images of each half: guessing is right on ten, and gaining ten of ten has a chance of 1/1,024.
LABELS = np.arange(20, dtype=np.uint8) % 2
IMAGES = np.stack([bright_half(CLASS_NAMES[label]) for label in LABELS])
# With a little less contrast the model takes these for dark ones.
DIM_IMAGES = IMAGES // 255 * 150
ANOTHER = halves_model({"another": "", "class_names": json.dumps(CLASS_NAMES)})
CPU = ("CPUExecutionProvider",)

Release = Callable[..., dict[str, Any]]


@pytest.fixture
def dataset(made_data: MadeData) -> Dataset:
    return replace(made_data.dataset, class_names=CLASS_NAMES)


@pytest.fixture
def released(
    tmp_path: Path,
    empty_store: Path,
    monkeypatch: pytest.MonkeyPatch,
    dataset: Dataset,
    evaluation_parameters: EvaluationParameters,
) -> Iterator[Release]:
    """Record a model in an open run, and release it."""

    def record_and_release(
        onnx_model: bytes,
        images: np.ndarray = IMAGES,
        labels: np.ndarray = LABELS,
        dataset: Dataset = dataset,
        floor: float = 0.0,
        test_accuracy: float = 1.0,
    ) -> dict[str, Any]:
        run.log_model(LoggedModel("squares", onnx_model, IMAGES, CLASS_NAMES, CPU))
        made = release(
            onnx_model,
            present_champion.load(),
            images[: len(labels)],
            labels,
            {"test_accuracy": test_accuracy},
            "squares",
            dataset,
            evaluation_parameters,
            ReleaseParameters(register=True, significance=0.05, robustness_floor=floor),
        )
        entry.save(made)
        return entry.load()

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    run = TrackedRun(tmp_path, "squares", "a run", {}, {})
    present_champion = ChampionDataset(model="squares")
    entry = ReleaseDataset(filepath=str(tmp_path / "release.json"), model="squares")
    present_champion.run = entry.run = run
    yield record_and_release
    run.close("FINISHED")


def test_the_first_good_model_is_champion_and_an_equal_one_stays_candidate(released: Release) -> None:
    first = released(halves_model())
    assert (first["version"], first["champion"], first["champion_before"]) == ("1", True, None)
    assert first["contest"]["over_guess"] == {"gained": 10, "lost": 0, "p": 1 / 1024}
    second = released(ANOTHER)
    assert (second["version"], second["champion"], second["champion_before"]) == ("2", False, "1")
    assert second["contest"]["over_champion"] == {"gained": 0, "lost": 0, "p": 1.0}
    assert champion().version == 1


def test_a_model_that_is_never_right_stays_candidate(released: Release) -> None:
    outcome = released(halves_model(), labels=1 - LABELS)
    assert not outcome["champion"]
    assert outcome["contest"]["candidate"] == outcome["contest"]["kept_when_perturbed"] == 0.0
    assert "right on 0.00% of 20 validation images" in outcome["reason"]
    assert registry.champion_version("squares") is None


def test_perturbed_validation_images_decide(released: Release) -> None:
    refused = released(halves_model(), DIM_IMAGES, floor=0.999)
    kept = refused["contest"]["kept_when_perturbed"]
    assert (refused["champion"], refused["contest"]["candidate"]) == (False, 1.0)
    assert f"on perturbed validation images it keeps {kept:.2%}" in refused["reason"]
    assert 0.5 < kept < 0.999
    assert not released(halves_model(), DIM_IMAGES, floor=kept + 1e-9)["champion"]
    assert released(halves_model(), DIM_IMAGES, floor=kept)["champion"]


def test_no_test_figure_decides() -> None:
    (node,) = [node for node in create_pipeline().nodes if node.name == "release"]
    # Of the metrics, one becomes a tag of the registered version; see below that it changes nothing.
    assert set(node.inputs) == {
        *("onnx", "champion", "validation_images", "validation_labels", "metrics", "params:name"),
        *("params:dataset", "params:evaluation", "params:release"),
    }


@pytest.mark.parametrize("test_accuracy", [0.0, 1.0])
def test_the_test_accuracy_is_recorded_alone(released: Release, test_accuracy: float) -> None:
    assert released(halves_model(), test_accuracy=test_accuracy)["champion"]
    assert champion().tags["test_accuracy"] == str(test_accuracy)


def test_without_validation_images_the_model_stays_candidate(released: Release) -> None:
    outcome = released(halves_model(), labels=LABELS[:0])
    assert (outcome["champion"], outcome["reason"]) == (False, "there are no validation images to choose by")
    assert outcome["contest"]["kept_when_perturbed"] is None
    assert "validation_accuracy" not in mlflow.MlflowClient().get_model_version("squares", outcome["version"]).tags


def remove(folder: Path) -> None:
    shutil.rmtree(folder)


def damage(folder: Path) -> None:
    (file,) = folder.rglob("*.onnx")
    file.write_bytes(file.read_bytes()[:-1])


def refuse(*_: object, **__: object) -> None:
    raise ModuleNotFoundError("No module named 'boto3',\nneeded for https://user:password@example.org/bucket")


@pytest.mark.parametrize(("spoil", "words"), [(remove, "models:/squares/1"), (damage, "is damaged")])
def test_a_champion_whose_file_is_gone_ends_no_run(
    released: Release, caplog: pytest.LogCaptureFixture, spoil: Callable[[Path], None], words: str
) -> None:
    assert released(halves_model())["champion"]
    spoil(Path(str(champion().source).removeprefix("file://")))
    _stays_candidate(released(ANOTHER), words, caplog)


def test_whatever_the_champions_store_brings_about_ends_no_run(
    released: Release, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert released(halves_model())["champion"]
    monkeypatch.setattr("mlflow.artifacts.download_artifacts", refuse)
    _stays_candidate(released(ANOTHER), "No module named 'boto3', needed for https://example.org/bucket", caplog)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"image_size": (10, 10)}, "made for 8×8 images of 3 classes; Made squares has 10×10 images of 3 classes"),
        ({"class_names": (*CLASS_NAMES, "more")}, "Made squares has 8×8 images of 4 classes"),
        ({"class_names": ("right", "left", "dark")}, "'left' where Made squares has 'right'"),
    ],
)
def test_a_champion_of_other_data_ends_no_run_and_is_not_replaced(
    released: Release, dataset: Dataset, changes: dict[str, Any], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert released(halves_model())["champion"]
    outcome = released(ANOTHER, dataset=replace(dataset, **changes))
    _stays_candidate(outcome, words, caplog)


def _stays_candidate(outcome: dict[str, Any], words: str, caplog: pytest.LogCaptureFixture) -> None:
    assert (outcome["version"], outcome["champion"], outcome["champion_before"]) == ("2", False, "1")
    assert outcome["reason"].startswith("this model cannot be compared with version 1 of 'squares', the champion: ")
    assert words in outcome["reason"]
    assert "Give that alias to another version, or remove it, by `mlflow ui`" in outcome["reason"]
    assert outcome["contest"]["champion"] is None
    assert outcome["contest"]["candidate"] == 1.0
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert outcome["reason"] in warning.getMessage()
    assert champion().version == 1


def champion() -> Any:
    return mlflow.MlflowClient().get_model_version_by_alias("squares", registry.CHAMPION)
