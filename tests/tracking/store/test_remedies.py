import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import sqlalchemy
from mlflow import MlflowClient

from mnist_resnet.tracking.run import TrackedRun
from mnist_resnet.tracking.store.remedies import TrackingUnavailableError, naming_remedies


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


def test_a_folder_in_the_place_of_the_database_is_told_at_once(project, tmp_path, monkeypatch):
    (tmp_path / "runs.db").mkdir()
    started = time.monotonic()
    assert "Make its file and folder writable" in refusal(project, f"sqlite:///{tmp_path / 'runs.db'}", monkeypatch)
    assert time.monotonic() - started < 20  # MLflow alone tries for 100 s


@contextmanager
def held(file) -> Iterator[None]:
    """Hold a database as a process in the midst of writing does."""
    with closing(sqlite3.connect(file, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        yield


@pytest.fixture
def other_store(tmp_path, empty_store) -> Path:
    """A store that belongs to no project."""
    return shutil.copy(empty_store, tmp_path / "other.db")


def test_a_database_that_another_process_holds_is_told(other_store):
    engine = sqlalchemy.create_engine(f"sqlite:///{other_store}", connect_args={"timeout": 0.1})
    with (
        held(other_store),
        pytest.raises(TrackingUnavailableError, match="Wait for the process that holds it"),
        naming_remedies("sqlite:///other.db"),
        engine.connect() as connection,
    ):
        connection.execute(sqlalchemy.text("SELECT * FROM experiments"))
    engine.dispose()


@pytest.mark.slow  # MLflow waits for 20 s
def test_a_database_that_is_held_for_long_is_refused_before_any_work(project, other_store, monkeypatch):
    with held(other_store):
        said = refusal(project, f"sqlite:///{other_store}", monkeypatch)
    assert "database is locked" in said
    assert "Wait for the process that holds it" in said


REFUSALS = [
    (401, b""),
    (401, b"You are not authenticated. Please see the documentation"),
    (403, b"Permission denied"),
    (403, b'{"error_code": "PERMISSION_DENIED", "message": "Permission denied"}'),
    (401, b'{"error_code": "UNAUTHENTICATED", "message": "Who are you?"}'),
]


@pytest.fixture(params=REFUSALS, ids=lambda answer: f"{answer[0]} {answer[1][:15].decode()}")
def unwelcoming(request) -> Iterator[str]:
    """The address of a server that lets nobody in."""
    status, body = request.param

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_server_that_lets_nobody_in_is_told_as_such(project, monkeypatch, unwelcoming):
    said = refusal(project, unwelcoming, monkeypatch)
    assert f"MLflow's store {unwelcoming} cannot be used" in said
    assert "Set or correct MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN" in said
    assert "\n" not in said


def test_a_registry_that_lets_nobody_in_is_told_as_such(project, monkeypatch, unwelcoming):
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", unwelcoming)
    said = refusal(project, f"sqlite:///{project / 'mlflow.db'}", monkeypatch)
    assert f"MLflow's model registry {unwelcoming} cannot be used" in said
    assert "Set or correct MLFLOW_TRACKING_USERNAME" in said


@pytest.mark.parametrize(
    ("uri", "remedy"),
    [("htp://x", "unset MLFLOW_REGISTRY_URI"), ("http://127.0.0.1:1", "correct or unset MLFLOW_REGISTRY_URI")],
)
def test_a_registry_that_cannot_be_used_is_told_before_any_work(project, monkeypatch, uri, remedy):
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", uri)
    store = f"sqlite:///{project / 'mlflow.db'}"
    assert remedy in refusal(project, store, monkeypatch)
    client = MlflowClient(store, registry_uri=store)
    assert not client.search_runs([each.experiment_id for each in client.search_experiments()])
