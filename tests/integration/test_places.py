"""Folders that users have: named in any way, moved, with outputs on another disk."""

import shutil
from pathlib import Path

import mlflow
import pytest
import yaml

from mnist_resnet.tracking.store.relocation import artifacts_uri, present_store
from tests.conftest import MadeData
from tests.integration.conftest import Project, add_squares, make_project


@pytest.fixture
def placed(tmp_path: Path, made_data: MadeData, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose folder has signs in its name that mean something in addresses, with outputs outside of it."""
    folder = tmp_path / "50 % of #1? it's ü"
    folder.mkdir()
    project = make_project(folder)
    add_squares(project, made_data)
    outputs = {"recipe": "base", "outputs": str(tmp_path / "other disk" / "outputs")}
    (folder / "conf/local/globals.yml").write_text(yaml.safe_dump(outputs))
    shutil.copy(empty_store, folder / "mlflow.db")
    monkeypatch.setenv("MNIST_RESNET_DATA_MIRROR", str(made_data.write(tmp_path / "mirror" / "squares").parent))
    return project


@pytest.mark.slow
def test_a_whole_run_is_recorded_from_such_a_folder_and_found_after_a_move(placed, tmp_path):
    ended = placed.kedro("run", "--namespaces", "squares", MLFLOW_EXPERIMENT_NAME="named")
    assert ended.returncode == 0, ended.stderr
    outputs = tmp_path / "other disk" / "outputs"
    assert f"Report: {outputs}/08_reporting/squares/report.md" in ended.stdout
    assert (outputs / "fingerprints" / "squares" / "evaluate.json").is_file()
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted([placed.folder.name, "other disk", "mirror"])
    moved = placed.folder.rename(tmp_path / "moved")
    store = present_store(moved)
    client = mlflow.MlflowClient(store)
    (run,) = client.search_runs([client.get_experiment_by_name("named").experiment_id])
    assert run.info.artifact_uri == f"{artifacts_uri(moved)}/{run.info.run_id}/artifacts"
    assert (moved / "mlartifacts" / run.info.run_id / "artifacts/squares/report.md").is_file()
    picture = moved / "picture.png"
    _draw(picture)
    for source in (["--namespace", "squares"], ["--model", "models:/squares@candidate"]):
        predicted = Project(moved).kedro("predict", *source, str(picture))
        assert predicted.returncode == 0, predicted.stderr
    again = Project(moved).kedro("run", "--namespaces", "squares", "--pipelines", "evaluate")
    assert again.returncode == 0, again.stderr
    assert not placed.folder.exists()


def _draw(path: Path) -> None:
    from PIL import Image

    Image.new("L", (8, 8)).save(path)
