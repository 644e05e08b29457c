"""Runs that cannot work: stopped early, with the reason, and nothing left half-made."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest

from mnist_resnet.config import ConfigurationError
from mnist_resnet.data.fetch import FetchError
from mnist_resnet.evaluation.parity import ParityError
from mnist_resnet.provenance.record import PROVENANCE_FILE
from mnist_resnet.tracking.tracked_run import TrackedRun
from mnist_resnet.training.events import EpochResult, listening
from tests.conftest import MadeData
from tests.integration.conftest import Project, names_of

pytestmark = pytest.mark.integration
SQUARES = {"namespaces": ["squares"]}


def _statuses(project: Project) -> list[str]:
    return [run.info.status for run in project.runs()]


def test_exports_that_disagree_are_not_published(squares: Project) -> None:
    impossible = {"squares": {"export": {"parity_tolerance": 1e-12, "parity_rounding_factor": 0.0}}}
    with pytest.raises(ParityError, match=r"export\.parity_tolerance\).* nothing was published"):
        squares.run(impossible, pipeline_names=["training"], **SQUARES)
    made = ["architecture.json", "history.json", "model.keras", "origin.json", "training_device.json"]
    assert names_of(squares.folder / "data/06_models/squares") == made
    assert not (squares.folder / "data/08_reporting/squares/evaluation.json").exists()
    assert _statuses(squares) == ["FAILED"]


@pytest.mark.landing
def test_an_interrupted_training_goes_on_from_its_checkpoint(
    squares: Project, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(result: EpochResult) -> None:
        if result.epoch == 2:
            raise OSError("power cut")

    models = squares.folder / "data/06_models/squares"
    with pytest.raises(OSError, match="power cut"), listening(refuse):
        squares.run(pipeline_names=["training"], **SQUARES)
    assert [path.name for path in models.iterdir()] == ["checkpoint"]
    heard: list[EpochResult] = []
    with listening(heard.append):
        squares.run(pipeline_names=["training"], **SQUARES)
    assert any("resuming after epoch 1 from its checkpoint" in message for message in caplog.messages)
    assert [asdict(result) for result in heard] == json.loads((models / "history.json").read_text())
    assert not (models / "checkpoint").exists()


@pytest.mark.landing
@pytest.mark.parametrize("what", ["reporting.plots.learning_curves", "export.on_tensorflow.to_onnx"])
def test_a_run_that_fails_behind_the_training_need_not_train_again(
    squares: Project, what: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(f"mnist_resnet.{what}", fail)
        with pytest.raises(OSError, match="the disk is full"):
            squares.run(pipeline_names=["training"], **SQUARES)
    caplog.clear()
    squares.run(pipeline_names=["training"], only_missing_outputs=True, **SQUARES)
    assert not any("epoch 2 of 2: loss" in message for message in caplog.messages)
    assert not (squares.folder / "data/06_models/squares/checkpoint").exists()


def test_an_impossible_parameter_is_one_error_before_any_work(squares: Project) -> None:
    ended = squares.kedro("run", "--params", "squares.preprocessing.size=6")
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "Error: These parameters cannot be used:\n- squares.preprocessing.size: received 6" in ended.stderr
    assert not (squares.folder / "data").exists()
    assert _statuses(squares) == []


def test_damaged_data_are_refused_with_every_source_named(squares: Project, made_data: MadeData) -> None:
    damaged = squares.folder / "mirror" / "squares" / "train_images-idx"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with pytest.raises(
        FetchError, match=r"(?s)mirror/squares: train_images-idx: expected \d+ uncompressed bytes.*by hand"
    ):
        squares.run(pipeline_names=["data"], **SQUARES)
    assert not (squares.folder / "data/01_raw").exists()


def test_a_recipe_cannot_write_over_the_base_outputs(squares: Project) -> None:
    shutil.copytree(squares.folder / "conf/smoke", squares.folder / "conf/mine")
    with pytest.raises(ConfigurationError, match=r"conf/mine/globals\.yml"):
        squares.run(env="mine", **SQUARES)


def test_base_cannot_write_over_the_outputs_of_a_recipe(squares: Project) -> None:
    (squares.folder / "conf/local/globals.yml").write_text("outputs: data/recipes/smoke\n")
    with pytest.raises(ConfigurationError, match="other recipes have their outputs"):
        squares.run(**SQUARES)
    assert not (squares.folder / "data").exists()


def test_tracking_can_be_switched_off(squares: Project) -> None:
    squares.run({"tracking": {"enabled": False}}, pipeline_names=["data"], **SQUARES)
    assert json.loads((squares.folder / "data/05_model_input/squares/preprocessing.json").read_text())
    assert _statuses(squares) == []


@pytest.mark.parametrize("place", ["at the start", "at the end"])
def test_a_run_whose_record_cannot_be_written_has_failed(
    squares: Project, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    written = []
    log = TrackedRun.log_artifact

    def log_once(run: TrackedRun, path: Path, folder: str = "") -> None:
        if path.name == PROVENANCE_FILE:
            if place == "at the start" or written:
                raise PermissionError("not allowed")
            written.append(path)
        log(run, path, folder)

    monkeypatch.setattr(TrackedRun, "log_artifact", log_once)
    with pytest.raises(PermissionError, match="not allowed"):
        squares.run(pipeline_names=["data"], **SQUARES)
    assert _statuses(squares) == ["FAILED"]
