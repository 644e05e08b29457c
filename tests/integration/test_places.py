"""Folders that users have: named in any way, moved, with outputs on another disk."""

from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest
import yaml
from PIL import Image

from mnist_resnet.tracking.store.address import artifacts_uri
from mnist_resnet.tracking.store.database import present_store
from tests.conftest import PROJECT, MadeData
from tests.integration.conftest import Project, make_project
from tests.made_repository import commit, git


@pytest.fixture
def placed(tmp_path: Path, made_data: MadeData, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose folder has signs in its name that mean something in addresses, with outputs outside of it."""
    folder = tmp_path / "50 % of #1? it's ü"
    folder.mkdir()
    project = make_project(folder, made_data, empty_store)
    outputs = {"recipe": "base", "outputs": str(tmp_path / "other disk" / "outputs")}
    (folder / "conf/local/globals.yml").write_text(yaml.safe_dump(outputs))
    monkeypatch.setenv("MNIST_RESNET_DATA_MIRROR", str(made_data.write(tmp_path / "mirror" / "squares").parent))
    git(folder, "init", "-q")
    commit(folder, {".gitignore": (PROJECT / ".gitignore").read_bytes()})
    return project


@pytest.fixture
def present_store_after() -> Iterator[None]:
    """MLflow's present store is put back after the test."""
    yield
    mlflow.set_tracking_uri(None)


@pytest.mark.slow
@pytest.mark.usefixtures("present_store_after")
def test_a_whole_run_is_recorded_from_such_a_folder_and_found_after_a_move(placed, tmp_path, made_data):
    ended = placed.kedro("run", "--namespaces", "squares", MLFLOW_EXPERIMENT_NAME="named")
    assert ended.returncode == 0, ended.stderr
    outputs = tmp_path / "other disk" / "outputs"
    assert f"Report: {outputs}/08_reporting/squares/report.md" in ended.stdout
    assert (outputs / "fingerprints" / "squares" / "evaluate.json").is_file()
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted([placed.folder.name, "other disk", "mirror"])
    moved = placed.folder.rename(tmp_path / "moved")
    store = present_store(moved)
    (run,) = Project(moved).runs()
    assert mlflow.MlflowClient(store).get_experiment(run.info.experiment_id).name == "named"
    assert run.info.artifact_uri == f"{artifacts_uri(moved)}/{run.info.run_id}/artifacts"
    assert (moved / "mlartifacts" / run.info.run_id / "artifacts/squares/report.md").is_file()
    picture = moved / "picture.png"
    Image.new("L", (8, 8)).save(picture)
    for source in (["--namespace", "squares"], ["--model", "models:/squares@candidate"]):
        predicted = Project(moved).kedro("predict", *source, str(picture))
        assert predicted.returncode == 0, predicted.stderr
    again = Project(moved).kedro("run", "--namespaces", "squares", "--pipelines", "evaluate")
    assert again.returncode == 0, again.stderr
    assert not placed.folder.exists()
    commands = (
        ("compare", run.info.run_id, Project(moved).runs()[0].info.run_id, "--at-least", "different"),
        ("reproduce", run.info.run_id, "--dry-run"),
    )
    for command in commands:
        typed = Project(moved).kedro(*command)
        assert typed.returncode == 0, typed.stdout + typed.stderr
    _read_as_mlflow_does(store, run.info.run_id, made_data)


def _read_as_mlflow_does(store: str, run_id: str, made_data: MadeData) -> None:
    """List and download a run's files as `mlflow ui` does, and load the model as `mlflow models serve` does."""
    mlflow.set_tracking_uri(store)
    listed = [each.path for each in mlflow.artifacts.list_artifacts(run_id=run_id, artifact_path="squares")]
    assert "squares/report.md" in listed
    read = mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="squares/report.md")
    assert Path(read).read_text(encoding="utf-8").startswith("#")
    served = mlflow.pyfunc.load_model("models:/squares@champion")
    answered = served.predict({"image": made_data.arrays["test_images"][:5]})["probabilities"]
    assert answered.shape == (5, 3)
