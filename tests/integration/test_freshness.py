"""Outputs made from other parameters or inputs count as missing, and are not built upon."""

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kedro.io import DatasetError

from mnist_resnet.hooks.freshness import StaleInputError
from mnist_resnet.storage.artifacts import sha256_of_path
from mnist_resnet.training.events import EpochResult, listening
from tests.integration.conftest import Project, times_of

pytestmark = [pytest.mark.integration, pytest.mark.landing]
SQUARES: dict[str, Any] = {"namespaces": ["squares"]}


def _run(project: Project, changes: dict[str, Any] | None = None, **options: Any) -> None:
    project.run({"tracking": {"enabled": False}, **({"squares": changes} if changes else {})}, **SQUARES, **options)


def _changed_stages(before: dict[str, int], after: dict[str, int]) -> set[str]:
    return {name.split("/")[0] for name in after if after[name] != before.get(name) and "fingerprints" not in name}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"evaluation": {"batch_size": 7}}, {"07_model_output", "08_reporting"}),
        ({"training": {"epochs": 1}}, {"06_models", "07_model_output", "08_reporting"}),
    ],
)
def test_a_changed_parameter_makes_its_stage_and_what_follows_again(
    trained: Project, change: dict, expected: set[str]
) -> None:
    before = times_of(trained.folder / "data")
    _run(trained, change, only_missing_outputs=True)
    assert _changed_stages(before, times_of(trained.folder / "data")) == expected


def test_a_damaged_artifact_is_made_again(trained: Project) -> None:
    labels = trained.folder / "data/05_model_input/squares/train_labels.npy"
    right = sha256_of_path(labels)
    np.save(labels, np.zeros(192, np.uint8))
    _run(trained, only_missing_outputs=True)
    assert sha256_of_path(labels) == right


def test_a_later_stage_alone_refuses_what_other_parameters_made(trained: Project) -> None:
    with pytest.raises(StaleInputError, match=r"squares\.training\.epochs was 2 and is 1\. Run `kedro run"):
        _run(trained, {"training": {"epochs": 1}}, pipeline_names=["evaluate"])


def test_a_later_stage_alone_refuses_what_is_not_there(squares: Project) -> None:
    _run(squares, pipeline_names=["data"])
    with pytest.raises(StaleInputError, match="the train pipeline has not been completed"):
        _run(squares, pipeline_names=["export"])


def test_a_stage_of_which_only_a_part_was_made_again_is_not_complete(trained: Project) -> None:
    _run(trained, pipeline_names=["train"], from_nodes=["squares.train.plot_learning_curves"])
    assert _fingerprint(trained, "train").exists()  # nothing is behind it
    _run(trained, pipeline_names=["train"], to_outputs=["squares.model"])
    assert not _fingerprint(trained, "train").exists()
    with pytest.raises(StaleInputError, match="the train pipeline has not been completed"):
        _run(trained, pipeline_names=["export"])


def test_no_run_names_itself_the_origin_of_a_model_that_was_there(trained: Project) -> None:
    origin = (trained.folder / "data/06_models/squares/origin.json").read_bytes()
    with pytest.raises(DatasetError, match=r"squares\.epochs"):
        _run(trained, pipeline_names=["train"], node_names=["squares.train.record_origin"])
    assert (trained.folder / "data/06_models/squares/origin.json").read_bytes() == origin


@pytest.mark.parametrize("changed", [False, True])
def test_what_something_else_has_written_while_a_run_went_on_is_refused(squares: Project, changed: bool) -> None:
    images = squares.folder / "data/05_model_input/squares/test_images.npy"

    def write(_: EpochResult) -> None:
        array = np.load(images)
        images.unlink()
        np.save(images, np.zeros_like(array) if changed else array)

    refused = pytest.raises(StaleInputError, match=r"^squares\.test_images has been changed by something else")
    with listening(write), refused if changed else nullcontext():
        _run(squares, {"training": {"epochs": 1}}, pipeline_names=["training"])


def test_a_later_stage_alone_runs_on_what_is_fresh(trained: Project) -> None:
    before = times_of(trained.folder / "data")
    _run(trained, pipeline_names=["evaluate"])
    assert _changed_stages(before, times_of(trained.folder / "data")) == {"07_model_output", "08_reporting"}


def test_a_stage_that_failed_half_way_is_not_complete(trained: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("out of paper")

    monkeypatch.setattr("mnist_resnet.pipelines.evaluate.pipeline.to_markdown", fail)
    with pytest.raises(RuntimeError, match="out of paper"):
        _run(trained, pipeline_names=["evaluate"])
    assert not _fingerprint(trained, "evaluate").exists()
    monkeypatch.undo()
    monkeypatch.chdir(trained.folder)
    _run(trained, only_missing_outputs=True)
    assert _fingerprint(trained, "evaluate").exists()


@pytest.mark.parametrize(
    ("pipeline", "parameters"),
    [
        ("data", {"datasets.squares", "squares.data", "squares.preprocessing"}),
        ("train", {"datasets.squares", "squares.model", "squares.training"}),
    ],
)
def test_a_fingerprint_has_the_parameters_that_are_configured(
    trained: Project, pipeline: str, parameters: set[str]
) -> None:
    """Not those that tell of the run, its places and its record."""
    assert json.loads(_fingerprint(trained, pipeline).read_text())["parameters"].keys() == parameters


def _fingerprint(project: Project, stage: str) -> Path:
    return project.folder / "data/fingerprints/squares" / f"{stage}.json"
