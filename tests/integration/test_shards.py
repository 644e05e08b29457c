"""A whole run on training images in shards, streamed."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.integration.conftest import Planner, Project

pytestmark = pytest.mark.integration

SHARDED = {"squares": {"data": {"shard_images": 50}, "training": {"shuffle_shards": 2}}}


def run(project: Project, params: dict | None = None, **options) -> None:
    project.run(params or SHARDED, namespaces=["squares"], **options)


def test_a_whole_run_on_shards_and_back(squares: Project, tmp_path: Path) -> None:
    run(squares, pipeline_names=["training"])
    folder = tmp_path / "data/05_model_input/squares"
    index = json.loads((folder / "train_images/index.json").read_text())
    assert [shard["rows"] for shard in index["shards"]] == [50, 50, 50, 42]
    assert not (folder / "train_images.npy").exists()
    report = (tmp_path / "data/08_reporting/squares/report.md").read_text()
    assert "Made squares" in report
    # Nothing is stale, until a shard is lost.
    planner = Planner()
    run(squares, pipeline_names=["training"], only_missing_outputs=True, runner=planner)
    assert planner.planned == set()
    (folder / "train_images/000001.npy").unlink()
    run(squares, pipeline_names=["training"], only_missing_outputs=True, runner=planner)
    assert {"split", "train"} <= planner.planned
    # One array again.
    run(squares, {"tracking": {"enabled": False}}, pipeline_names=["data"])
    assert np.load(folder / "train_images.npy").shape == (192, 8, 8)
    assert not (folder / "train_images").exists()
