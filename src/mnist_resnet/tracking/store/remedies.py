"""Remedies for what keeps MLflow's store or an experiment's artifacts from being used, by its cause."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from mnist_resnet.errors import UserError
from mnist_resnet.evaluation.package import is_installed
from mnist_resnet.terminal.redaction import in_one_line, without_credentials
from mnist_resnet.tracking.store.availability import is_away

_STORE = "MLFLOW_TRACKING_URI"
_NAMES = {_STORE: "MLflow's store", "MLFLOW_REGISTRY_URI": "MLflow's model registry"}
_NO_ADDRESS = "Invalid IPv6 URL"
# Patterns of what MLflow and its clients say, which carries no code. The first that is found counts: servers, too, say
# "Permission denied".
_REMEDIES = {
    "error code 40[13]|UNAUTHENTICATED|PERMISSION_DENIED": "Set or correct MLFLOW_TRACKING_USERNAME and "
    "MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, or ask those who run the server for access",
    "filesystem tracking backend": "MLflow no longer takes a folder as its store: convert it with `mlflow "
    "migrate-filestore`, or correct or unset MLFLOW_TRACKING_URI",
    "Model Registry features": "Correct or unset MLFLOW_REGISTRY_URI",
    "Reading Databricks credential": "Set DATABRICKS_HOST and DATABRICKS_TOKEN, or unset MLFLOW_TRACKING_URI",
    f"got unsupported URI|Unity Catalog|Invalid url|{_NO_ADDRESS}|Can't load plugin": "Correct or unset "
    "MLFLOW_TRACKING_URI: it begins with http://, https://, sqlite:///, postgresql:// or mysql://, as "
    "sqlite:////home/me/mlflow.db",
    "NameResolutionError|nodename nor servname": "Correct its host in MLFLOW_TRACKING_URI",
    "out-of-date database schema|Can't locate revision": "Another version of MLflow made it. If that was an older "
    "one, copy the file, then type `mlflow db upgrade` with its address; if a newer one, set MLFLOW_TRACKING_URI to "
    "another store",
    "file is not a database": "The file is damaged, or is not a database: move it away, or correct MLFLOW_TRACKING_URI",
    "unable to open database|readonly database|Permission denied|Is a directory|File exists|No such file": "Make its "
    "file and folder writable, or correct or unset MLFLOW_TRACKING_URI",
    "database is locked": "Wait for the process that uses it, or stop that process",
}
_OTHERWISE = "Start its server, or correct or unset MLFLOW_TRACKING_URI"
RECORD_LATER = "Or record this run later: `--params tracking.offline=true`, then `kedro sync-tracking`"

# By the first name of the module that MLflow does not find: what `uv pip install` takes.
_PACKAGES = {
    "google": "google-cloud-storage",
    "azure": "azure-storage-blob azure-storage-file-datalake azure-identity",
    "psycopg2": "psycopg2-binary",
    "psycopg": "'psycopg[binary]'",
    "MySQLdb": "mysqlclient",
    "pymysql": "PyMySQL",
}
# By the scheme of an address of artifacts: the package that reaches them, and the extra that brings it.
_ARTIFACTS = {
    "s3": ("boto3", "s3"),
    "r2": ("boto3", "s3"),
    "b2": ("boto3", "s3"),
    "gs": ("google-cloud-storage", "gcs"),
    "wasbs": ("azure-storage-blob", "azure"),
    "abfss": ("azure-storage-file-datalake", "azure"),
    "sftp": ("pysftp", None),
}


class TrackingUnavailableError(UserError, ConnectionError):
    """MLflow's store cannot be reached or used; the message says which, and what to do."""


class StoreAwayError(TrackingUnavailableError):
    """It may be reached later, as it is."""


class ArtifactStoreError(UserError, RuntimeError):
    """Artifacts are kept where this process cannot reach."""


@contextmanager
def naming_remedies(uri: str, variable: str = _STORE, otherwise: str = RECORD_LATER) -> Iterator[None]:
    """Turn MLflow's errors within the block into one that says what to do.

    Args:
        uri: The address of the store or the registry that is asked.
        variable: Of the environment, which names it.
        otherwise: Another way out, where it may be reached later.

    Raises:
        TrackingUnavailableError: In their stead; a ``StoreAwayError`` where it may be reached later.
    """
    from mlflow.exceptions import MlflowException

    try:
        yield
    except UserError:
        raise
    except Exception as error:
        away = is_away(error)
        if not (away or isinstance(error, MlflowException | ImportError) or _NO_ADDRESS in str(error)):
            raise
        remedy = f"{_remedy(error).replace(_STORE, variable)}. {otherwise if away else ''}".rstrip(". ")
        kind = StoreAwayError if away else TrackingUnavailableError
        raise kind(
            f"{_NAMES[variable]} {without_credentials(uri)} cannot be used: {in_one_line(error)}. {remedy}"
        ) from error


def require_artifact_packages(location: str, store: str) -> None:
    """Refuse a place of artifacts that this installation cannot reach.

    Args:
        location: The address of an experiment's artifacts; of a path, or of what a server passes on, nothing is needed.
        store: The tracking URI of the experiment's store.

    Raises:
        ArtifactStoreError: With the package, and the extra that brings it.
    """
    scheme, _, path = location.partition(":")
    if path and scheme == "mlflow-artifacts" and not store.startswith("http"):
        raise ArtifactStoreError(
            f"MLflow keeps this experiment's artifacts behind a server ({location}), but the store is "
            f"{without_credentials(store)}: set MLFLOW_TRACKING_URI to that server, or tracking.experiment to another"
        )
    package, extra = _ARTIFACTS.get(scheme, (None, None))
    if package and not is_installed(package):
        brought = f", or the extra that brings it: `pip install 'mnist-resnet[{extra}]'`" if extra else ""
        raise ArtifactStoreError(
            f"MLflow keeps this experiment's artifacts at {without_credentials(location)}, for which the package "
            f"{package} is missing. {_install(package)}{brought}"
        )


def package_remedy(error: ImportError) -> str:
    """What to install for a module that MLflow has not found."""
    module = (error.name or str(error)).partition(".")[0]
    return _install(_PACKAGES.get(module, module))


def _install(packages: str) -> str:
    return f"In this environment, type `.venv/bin/uv pip install {packages}`"


def _remedy(error: Exception) -> str:
    if isinstance(error, ImportError):
        return f"A package is missing. {package_remedy(error)}"
    said = str(error)
    return next((remedy for pattern, remedy in _REMEDIES.items() if re.search(pattern, said)), _OTHERWISE)
