import pytest

from mnist_resnet.tracking.store.remedies import ArtifactStoreError, package_remedy, require_artifact_packages

STORE = "sqlite:////home/me/mlflow.db"


@pytest.fixture
def nothing_else_installed(monkeypatch):
    """Here, the packages of object stores may be installed or not."""
    monkeypatch.setattr("mnist_resnet.tracking.store.remedies.is_installed", lambda _: False)


@pytest.mark.parametrize(
    ("location", "module", "extra"),
    [
        ("s3://bucket/runs", "boto3", "s3"),
        ("r2://bucket@account.r2.cloudflarestorage.com/runs", "boto3", "s3"),
        ("b2://bucket/runs", "boto3", "s3"),
        ("gs://bucket/runs", "google-cloud-storage", "gcs"),
        ("wasbs://container@account.blob.core.windows.net/runs", "azure-storage-blob", "azure"),
        ("abfss://system@account.dfs.core.windows.net/runs", "azure-storage-file-datalake", "azure"),
    ],
)
@pytest.mark.usefixtures("nothing_else_installed")
def test_the_extra_for_a_place_of_artifacts_is_named_in_one_line(location, module, extra):
    with pytest.raises(ArtifactStoreError) as refused:
        require_artifact_packages(location, STORE)
    said = str(refused.value)
    assert f"the package {module} is missing" in said
    assert f"pip install 'mnist-resnet[{extra}]'" in said
    assert "\n" not in said


@pytest.mark.usefixtures("nothing_else_installed")
def test_what_no_extra_brings_is_named_by_its_package():
    with pytest.raises(ArtifactStoreError, match=r"uv pip install pysftp"):
        require_artifact_packages("sftp://user:hunter2@host/runs", STORE)


@pytest.mark.parametrize("location", ["file:///home/me/mlartifacts", "/home/me/mlruns/0", "C:\\runs", "hdfs://host/x"])
@pytest.mark.usefixtures("nothing_else_installed")
def test_paths_need_no_package(location):
    require_artifact_packages(location, STORE)


@pytest.mark.usefixtures("nothing_else_installed")
def test_what_a_server_passes_on_needs_no_package():
    require_artifact_packages("mlflow-artifacts:/3", "https://host:5000")


def test_what_a_server_passes_on_cannot_be_had_from_its_database():
    with pytest.raises(ArtifactStoreError, match=r"MLFLOW_TRACKING_URI to that server"):
        require_artifact_packages("mlflow-artifacts:/3", STORE)


def test_an_installed_package_is_found(monkeypatch):
    monkeypatch.setattr("mnist_resnet.tracking.store.remedies.is_installed", lambda _: True)
    require_artifact_packages("s3://bucket/runs", STORE)


@pytest.mark.parametrize(
    ("module", "typed"), [("psycopg", "'psycopg[binary]'"), ("MySQLdb", "mysqlclient"), ("pymssql", "pymssql")]
)
def test_the_driver_of_a_database_is_named_as_it_is_installed(module, typed):
    assert package_remedy(ModuleNotFoundError(name=module)).endswith(f"uv pip install {typed}`")
