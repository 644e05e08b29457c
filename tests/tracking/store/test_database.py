import json
import shutil
import sqlite3
from dataclasses import asdict, replace
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient

from mnist_resnet.tracking import registry
from mnist_resnet.tracking.dead_runs import PROCESS, Process
from mnist_resnet.tracking.logged_model import LoggedModel
from mnist_resnet.tracking.model_lookup import read_recorded_onnx
from mnist_resnet.tracking.run import TrackedRun
from mnist_resnet.tracking.run_lookup import find_run
from mnist_resnet.tracking.store.address import sqlite_uri
from mnist_resnet.tracking.store.database import RelocationError, artifacts_uri, follow_project, present_store

EXPERIMENT = "squares"


def record(project: Path, probabilities: bytes = b"probabilities") -> str:
    """A run of a project with one file."""
    file = project.parent / "test_probabilities.npy"
    file.write_bytes(probabilities)
    run = TrackedRun(project, EXPERIMENT, "a run", {}, {})
    run.log_artifact(file, "made")
    run.close("FINISHED")
    return run.run_id


def crown_model(project: Path, content: bytes, images) -> None:
    run = TrackedRun(project, EXPERIMENT, "a model", {}, {})
    model = LoggedModel("made", content, images[:2], ("left", "right", "below"), ("CPUExecutionProvider",))
    run.log_model(model)
    digest = next(iter(mlflow.search_logged_models(output_format="list"))).tags["onnx_sha256"]
    registry.crown("made", registry.register_candidate("made", digest, {}))
    run.close("FINISHED")


def addresses(project: Path) -> list[str]:
    """All that the store of a project says of places."""
    with sqlite3.connect(project / "mlflow.db") as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = [row for table in tables for row in connection.execute(f"SELECT * FROM {table}")]  # noqa: S608
    connection.close()
    return [value for row in rows for value in row if isinstance(value, str) and value.startswith("file:")]


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "mlflow.db")


@pytest.mark.parametrize("name", ["renamed", "50 % of #1? é", "deeper/down"])
def test_runs_models_and_champion_of_a_moved_project_are_had_as_before(project, tmp_path, model_bytes, made_data, name):
    run_id = record(project)
    crown_model(project, model_bytes, made_data.arrays["test_images"])
    moved = tmp_path / name
    moved.parent.mkdir(exist_ok=True)
    project.rename(moved)
    assert read_recorded_onnx("models:/made@champion", moved) == model_bytes
    assert all(each.startswith(artifacts_uri(moved)) for each in addresses(moved))
    run = find_run(run_id, present_store(moved))
    read = mlflow.artifacts.download_artifacts(run_id=run.run_id, artifact_path="made/test_probabilities.npy")
    assert Path(read).read_bytes() == b"probabilities"
    again = record(moved)
    assert list(moved.glob(f"mlartifacts/{again}/artifacts/made/*.npy"))
    assert not project.exists()


def test_the_next_run_of_a_moved_project_registers_the_same_model_as_the_same_version(
    project, tmp_path, model_bytes, made_data
):
    crown_model(project, model_bytes, made_data.arrays["test_images"])
    project.rename(tmp_path / "renamed")
    present_store(tmp_path / "renamed")
    mlflow.set_tracking_uri(sqlite_uri(tmp_path / "renamed" / "mlflow.db"))
    (model,) = mlflow.search_logged_models(
        [mlflow.get_experiment_by_name(EXPERIMENT).experiment_id], output_format="list"
    )
    assert registry.champion_version("made") == "1"
    experiments = [model.experiment_id]
    assert registry.register_candidate("made", model.tags["onnx_sha256"], {}, experiment_ids=experiments) == "1"


def test_a_copy_leaves_the_original_alone(project, tmp_path):
    record(project)
    shutil.copytree(project, tmp_path / "copy")
    before = files(project)
    record(tmp_path / "copy")
    assert files(project) == before
    assert all(each.startswith(artifacts_uri(tmp_path / "copy")) for each in addresses(tmp_path / "copy"))
    record(project)
    assert all(each.startswith(artifacts_uri(project)) for each in addresses(project))


def test_new_runs_come_here_where_the_former_folder_is_gone_with_its_artifacts(project, tmp_path):
    record(project)
    shutil.rmtree(project / "mlartifacts")
    project.rename(tmp_path / "renamed")
    record(tmp_path / "renamed")
    assert len(files(tmp_path / "renamed")) == 1
    assert not project.exists()


@pytest.mark.parametrize(
    ("changes", "status"), [({"pid": 2**22 + 1}, "FAILED"), ({}, "RUNNING"), ({"project": "/elsewhere"}, "RUNNING")]
)
def test_a_run_that_was_open_when_the_folder_was_moved_is_closed_if_its_process_has_died(
    project, tmp_path, changes, status
):
    record(project)
    client = MlflowClient(sqlite_uri(project / "mlflow.db"))
    process = replace(Process.present(project), **changes)
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    run_id = client.create_run(experiment, tags={PROCESS: json.dumps(asdict(process))}).info.run_id
    project.rename(tmp_path / "renamed")
    record(tmp_path / "renamed")
    moved = MlflowClient(sqlite_uri(tmp_path / "renamed" / "mlflow.db"))
    assert moved.get_run(run_id).info.status == status


def test_another_project_that_records_in_this_store_keeps_its_artifacts(project, tmp_path, monkeypatch):
    other = tmp_path / "other"
    other.mkdir()
    with monkeypatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", sqlite_uri(project / "mlflow.db"))
        run = TrackedRun(other, "others", "a run", {}, {})
        run.log_artifact(project / "mlflow.db", "made")
        run.close("FINISHED")
    record(project)
    assert (
        MlflowClient(sqlite_uri(project / "mlflow.db"))
        .get_run(run.run_id)
        .info.artifact_uri.startswith(artifacts_uri(other))
    )


def test_places_that_are_no_projects_are_left_alone(project, tmp_path):
    client = MlflowClient(sqlite_uri(project / "mlflow.db"))
    places = {"bucket": "s3://bucket/mlartifacts", "disk": (tmp_path / "gone" / "artifacts").as_uri()}
    identifiers = {name: client.create_experiment(name, place) for name, place in places.items()}
    present_store(project)
    assert {name: client.get_experiment(each).artifact_location for name, each in identifiers.items()} == places


def test_a_project_that_is_reached_by_a_link_has_not_moved(project, tmp_path):
    record(project)
    before = addresses(project)
    (tmp_path / "link").symlink_to(project)
    present_store(tmp_path / "link")
    assert addresses(project) == before


@pytest.mark.parametrize("content", [None, b"", b"no database" * 100])
def test_what_is_no_store_is_left_to_mlflow(project, content):
    (project / "mlflow.db").unlink()
    if content is not None:
        (project / "mlflow.db").write_bytes(content)
    follow_project(sqlite_uri(project / "mlflow.db"), project)


def test_a_moved_store_that_another_process_holds_is_refused_in_a_line(project, tmp_path, monkeypatch):
    record(project)
    project.rename(tmp_path / "renamed")
    monkeypatch.setattr("mnist_resnet.tracking.store.database.SECONDS", 0.1)
    with sqlite3.connect(tmp_path / "renamed" / "mlflow.db", isolation_level=None) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(RelocationError, match="locked"):
            present_store(tmp_path / "renamed")
        holder.execute("ROLLBACK")
    holder.close()
    present_store(tmp_path / "renamed")
    assert all(each.startswith(artifacts_uri(tmp_path / "renamed")) for each in addresses(tmp_path / "renamed"))


@pytest.mark.parametrize("read", [present_store, record])
def test_a_store_that_another_process_holds_is_not_told_to_have_moved(project, monkeypatch, read):
    monkeypatch.setattr("mnist_resnet.tracking.store.database.SECONDS", 0.1)
    with sqlite3.connect(project / "mlflow.db", isolation_level=None) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(RelocationError, match=r"cannot be read: database is locked\. Wait for the process"):
            read(project)
    holder.close()
