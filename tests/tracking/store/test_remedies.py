import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy
from mlflow import MlflowClient

from mnist_resnet.tracking.store.remedies import (
    ArtifactStoreError,
    TrackingUnavailableError,
    naming_remedies,
    package_remedy,
    require_artifact_packages,
)
from tests.tracking.recordings import record
from tests.tracking.servers import answering_server
from tests.tracking.stores import held


@pytest.fixture
def refusal(project, monkeypatch):
    """What a run of the project is refused with, given a store's address."""

    def refusal(uri: str) -> str:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        with pytest.raises(TrackingUnavailableError) as refused:
            record(project)
        said = str(refused.value)
        assert "\n" not in said
        assert "hunter2" not in said
        return said

    return refusal


@pytest.fixture
def other_file(other_store) -> Path:
    return Path(other_store.removeprefix("sqlite:///"))


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
def test_each_address_that_cannot_be_used_has_its_remedy(refusal, monkeypatch, tmp_path, uri, remedy):
    monkeypatch.chdir(tmp_path)
    assert remedy in refusal(uri)


def test_a_database_of_another_version_of_mlflow_is_told(refusal, other_store, other_file):
    with closing(sqlite3.connect(other_file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '451aebb31d03'")
    assert "mlflow db upgrade" in refusal(other_store)


def test_a_folder_in_the_place_of_the_database_is_told_at_once(refusal, tmp_path):
    (tmp_path / "runs.db").mkdir()
    started = time.monotonic()
    assert "Make its file and folder writable" in refusal(f"sqlite:///{tmp_path / 'runs.db'}")
    assert time.monotonic() - started < 20  # MLflow alone tries for 100 s


def test_a_database_that_another_process_holds_is_told(other_store, other_file):
    engine = sqlalchemy.create_engine(other_store, connect_args={"timeout": 0.1})
    with (
        held(other_file),
        pytest.raises(TrackingUnavailableError, match="Wait for the process that uses it"),
        naming_remedies(other_store),
        engine.connect() as connection,
    ):
        connection.execute(sqlalchemy.text("SELECT * FROM experiments"))
    engine.dispose()


@pytest.mark.slow  # MLflow waits for 20 s
def test_a_database_that_is_held_for_long_is_refused_before_any_work(refusal, other_store, other_file):
    with held(other_file):
        said = refusal(other_store)
    assert "database is locked" in said
    assert "Wait for the process that uses it" in said


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
    with answering_server(*request.param) as address:
        yield address


def test_a_server_or_a_registry_that_lets_nobody_in_is_told_as_such(refusal, store, monkeypatch, unwelcoming):
    remedy = "Set or correct MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
    said = refusal(unwelcoming)
    assert f"MLflow's store {unwelcoming} cannot be used" in said
    assert remedy in said
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", unwelcoming)
    said = refusal(store)
    assert f"MLflow's model registry {unwelcoming} cannot be used" in said
    assert remedy in said


@pytest.mark.parametrize(
    ("uri", "remedy"),
    [("htp://x", "unset MLFLOW_REGISTRY_URI"), ("http://127.0.0.1:1", "correct or unset MLFLOW_REGISTRY_URI")],
)
def test_a_registry_that_cannot_be_used_is_told_before_any_work(refusal, store, monkeypatch, uri, remedy):
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", uri)
    assert remedy in refusal(store)
    client = MlflowClient(store, registry_uri=store)
    assert not client.search_runs([each.experiment_id for each in client.search_experiments()])


@pytest.fixture
def _nothing_else_installed(monkeypatch) -> None:
    """Here, the packages of object stores may be installed or not."""
    monkeypatch.setattr("mnist_resnet.tracking.store.remedies.is_installed", lambda _: False)


@pytest.mark.parametrize(
    ("location", "package", "extra"),
    [
        ("s3://bucket/runs", "boto3", "s3"),
        ("r2://bucket@account.r2.cloudflarestorage.com/runs", "boto3", "s3"),
        ("b2://bucket/runs", "boto3", "s3"),
        ("gs://bucket/runs", "google-cloud-storage", "gcs"),
        ("wasbs://container@account.blob.core.windows.net/runs", "azure-storage-blob", "azure"),
        ("abfss://system@account.dfs.core.windows.net/runs", "azure-storage-file-datalake", "azure"),
        ("sftp://user:hunter2@host/runs", "pysftp", None),
    ],
)
@pytest.mark.usefixtures("_nothing_else_installed")
def test_the_package_for_a_place_of_artifacts_is_named_in_one_line(store, location, package, extra):
    with pytest.raises(ArtifactStoreError) as refused:
        require_artifact_packages(location, store)
    said = str(refused.value)
    assert f"the package {package} is missing" in said
    assert f"uv pip install {package}`" in said
    assert ("mnist-resnet[" in said) is (f"pip install 'mnist-resnet[{extra}]'" in said) is (extra is not None)
    assert "hunter2" not in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("location", "uri"),
    [
        *((path, "sqlite:///mlflow.db") for path in ("file:///runs", "/home/me/mlruns/0", "C:\\runs", "hdfs://host/x")),
        ("mlflow-artifacts:/3", "https://host:5000"),
    ],
)
@pytest.mark.usefixtures("_nothing_else_installed")
def test_paths_and_what_a_server_passes_on_need_no_package(location, uri):
    require_artifact_packages(location, uri)


def test_what_a_server_passes_on_cannot_be_had_from_its_database(store):
    with pytest.raises(ArtifactStoreError, match=r"MLFLOW_TRACKING_URI to that server"):
        require_artifact_packages("mlflow-artifacts:/3", store)


@pytest.mark.parametrize(
    ("module", "typed"),
    [
        ("psycopg", "'psycopg[binary]'"),
        ("MySQLdb", "mysqlclient"),
        ("google.auth", "google-cloud-storage"),
        ("pymssql", "pymssql"),
    ],
)
def test_the_package_of_a_missing_module_is_named_as_it_is_installed(module, typed):
    assert package_remedy(ModuleNotFoundError(name=module)).endswith(f"uv pip install {typed}`")
