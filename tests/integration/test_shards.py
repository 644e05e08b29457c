"""A whole run on training images in shards, streamed."""

import json
import time
from pathlib import Path
from signal import SIGKILL
from subprocess import DEVNULL, Popen

import numpy as np
import pytest
import yaml

from mnist_resnet.storage.artifacts import read_files
from tests.integration.conftest import KEDRO, Planner, Project, clean_environment

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


@pytest.mark.landing
def test_a_run_that_is_killed_while_it_writes_shards_is_completed_by_the_next(squares: Project, tmp_path: Path) -> None:
    address = tmp_path / "elsewhere"
    names = {"recipe": "base", "outputs": "data", "raw": "data/01_raw", "model_input": f"local://{address}"}
    (tmp_path / "conf/local/globals.yml").write_text(yaml.safe_dump(names))
    params = "squares.data.shard_images=1,tracking.enabled=false"
    command = [KEDRO, "run", "--pipelines", "data", "--namespaces", "squares", "--params", params]
    folder = address / "base/05_model_input/squares"
    with Popen(command, cwd=tmp_path, env=clean_environment(), stdout=DEVNULL, stderr=DEVNULL) as process:
        while process.poll() is None and not (folder / "train_images/000020.npy").exists():
            time.sleep(0.001)
        process.kill()
    assert process.returncode == -SIGKILL
    assert not (folder / "train_images/index.json").exists()
    ended = squares.kedro(*map(str, command[1:]), "--only-missing-outputs")
    assert ended.returncode == 0, ended.stderr
    completed = read_files(folder)
    assert len(completed) == 192 + 1 + 6
    (tmp_path / "conf/local/globals.yml").unlink()
    squares.run(
        {"squares": {"data": {"shard_images": 1}}, "tracking": {"enabled": False}},
        pipeline_names=["data"],
        namespaces=["squares"],
    )
    assert read_files(tmp_path / "data/05_model_input/squares") == completed
