"""The packages by which MLflow reaches databases and places of artifacts that this project does not install."""

from importlib.util import find_spec

from mnist_resnet.errors import UserError
from mnist_resnet.terminal.redaction import without_credentials

# By the scheme of an address of artifacts: the module that MLflow imports, and the extra that brings it.
_EXTRAS = {
    "s3": ("boto3", "s3"),
    "r2": ("boto3", "s3"),
    "b2": ("boto3", "s3"),
    "gs": ("google.cloud.storage", "gcs"),
    "wasbs": ("azure.storage.blob", "azure"),
    "abfss": ("azure.storage.filedatalake", "azure"),
}
_PACKAGES = {
    "boto3": "boto3",
    "google.cloud.storage": "google-cloud-storage",
    "azure.storage.blob": "azure-storage-blob azure-identity",
    "azure.storage.filedatalake": "azure-storage-file-datalake azure-identity",
    "azure.identity": "azure-identity",
    "psycopg2": "psycopg2-binary",
    "psycopg": "psycopg[binary]",
    "MySQLdb": "mysqlclient",
    "pymysql": "PyMySQL",
}
_OTHERS = {"sftp": "pysftp"}
_BY_A_SERVER = "mlflow-artifacts"


class ArtifactStoreError(UserError, RuntimeError):
    """Artifacts are kept where this process cannot reach."""


def require_artifact_packages(location: str, store: str) -> None:
    """Refuse a place of artifacts that this installation cannot reach.

    Args:
        location: The address of an experiment's artifacts; of a path, or of what a server passes on, nothing is needed.
        store: The tracking URI of the experiment's store.

    Raises:
        ArtifactStoreError: With the package, and the extra that brings it.
    """
    scheme = location.partition(":")[0] if ":" in location else ""
    if scheme == _BY_A_SERVER and not store.startswith("http"):
        raise ArtifactStoreError(
            f"MLflow keeps this experiment's artifacts behind a server ({location}), but the store is "
            f"{without_credentials(store)}: set MLFLOW_TRACKING_URI to that server, or tracking.experiment to another"
        )
    module, extra = _EXTRAS.get(scheme, (_OTHERS.get(scheme), None))
    if module and not _is_installed(module):
        brought = f"the extra {extra} brings it (`pip install 'mnist-resnet[{extra}]'`); " if extra else ""
        raise ArtifactStoreError(
            f"MLflow keeps this experiment's artifacts at {without_credentials(location)}, for which the package "
            f"{module} is missing: {brought}{_here(module)}"
        )


def package_remedy(error: ImportError) -> str:
    """What to install for a module that MLflow has not found.

    Args:
        error: Of the import.
    """
    return _here(error.name or str(error))


def _here(module: str) -> str:
    packages = " ".join(f"'{each}'" if "[" in each else each for each in _PACKAGES.get(module, module).split())
    return f"in this environment, type `.venv/bin/uv pip install {packages}`"


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of a package that it would be in
        return False
