import shutil
import sqlite3

import pytest
from mlflow import MlflowClient

from mnist_resnet.tracking.run import TrackedRun
from mnist_resnet.tracking.store.remedies import TrackingUnavailableError


def refusal(project, uri, monkeypatch) -> str:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(TrackingUnavailableError) as refused:
        TrackedRun(project, "squares", "a run", {}, {})
    return str(refused.value)


@pytest.mark.parametrize(
    ("uri", "remedy"),
    [
        ("htp://host:5000", "begins with http://"),
        ("localhost:5000", "begins with http://"),
        ("s3://bucket/runs", "begins with http://"),
        ("http:/host", "begins with http://"),
        ("http://[::1", "begins with http://"),
        ("http://host:99999", "begins with http://"),
        ("databricks-uc", "begins with http://"),
        ("SQLITE:///runs.db", "begins with http://"),
        ("mlruns", "mlflow migrate-filestore"),
        ("http://no-such-host.invalid:5000", "Correct its host"),
        ("http://127.0.0.1:1", "Start its server"),
        ("mysql://user:hunter2@host/runs", "uv pip install mysqlclient"),
        ("postgresql://user:hunter2@host/runs", "uv pip install 'psycopg[binary]'"),
        ("sqlite:////proc/none/mlflow.db", "Make its file and folder writable"),
    ],
)
def test_each_address_that_cannot_be_used_has_its_remedy(project, monkeypatch, tmp_path, uri, remedy):
    monkeypatch.chdir(tmp_path)
    said = refusal(project, uri, monkeypatch)
    assert remedy in said
    assert "hunter2" not in said
    assert "\n" not in said


def test_a_database_of_another_version_of_mlflow_is_told(project, empty_store, tmp_path, monkeypatch):
    file = tmp_path / "other.db"
    shutil.copy(empty_store, file)
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '451aebb31d03'")
    connection.close()
    assert "mlflow db upgrade" in refusal(project, f"sqlite:///{file}", monkeypatch)


def test_a_folder_in_the_place_of_the_database_is_told(project, tmp_path, monkeypatch):
    (tmp_path / "runs.db").mkdir()
    assert "Make its file and folder writable" in refusal(project, f"sqlite:///{tmp_path / 'runs.db'}", monkeypatch)


@pytest.mark.parametrize(("uri", "remedy"), [("htp://x", "unset MLFLOW_REGISTRY_URI"), ("http://127.0.0.1:1", "Start")])
def test_a_registry_that_cannot_be_used_is_told_before_any_work(project, monkeypatch, uri, remedy):
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", uri)
    store = f"sqlite:///{project / 'mlflow.db'}"
    assert remedy in refusal(project, store, monkeypatch)
    client = MlflowClient(store, registry_uri=store)
    assert not client.search_runs([each.experiment_id for each in client.search_experiments()])
