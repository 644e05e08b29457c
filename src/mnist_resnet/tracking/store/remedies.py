"""What to do where MLflow's store cannot be used: one remedy for each cause."""

from collections.abc import Iterator
from contextlib import contextmanager

from mnist_resnet.errors import UserError
from mnist_resnet.terminal.redaction import without_credentials
from mnist_resnet.tracking.store.availability import is_away, shortened
from mnist_resnet.tracking.store.packages import package_remedy

_VARIABLE = "MLFLOW_TRACKING_URI"
_NAMES = {_VARIABLE: "MLflow's store", "MLFLOW_REGISTRY_URI": "MLflow's model registry"}
_LATER = "or record this run later: `--params tracking.offline=true`, then `kedro sync-tracking`"
_CORRECT = (
    "Correct or unset MLFLOW_TRACKING_URI: it begins with http://, https://, sqlite:///, postgresql:// or mysql://, as "
    "sqlite:////home/me/mlflow.db"
)
_NO_ADDRESS = "Invalid IPv6 URL"
# By what MLflow and its clients say, which carries no code.
_REMEDIES = (
    # Before those of files, since servers say "Permission denied", too.
    (
        ("error code 401", "error code 403", "UNAUTHENTICATED", "PERMISSION_DENIED"),
        "Set or correct MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, or ask those "
        "who run the server for access",
    ),
    (
        ("filesystem tracking backend",),
        "A folder is no store any more: `mlflow migrate-filestore` makes a database of one. Else correct or unset "
        "MLFLOW_TRACKING_URI",
    ),
    (("Model Registry features",), "Correct or unset MLFLOW_REGISTRY_URI"),
    (("Reading Databricks credential",), "Set DATABRICKS_HOST and DATABRICKS_TOKEN, or unset MLFLOW_TRACKING_URI"),
    (("got unsupported URI", "Unity Catalog", "Invalid url", _NO_ADDRESS, "Can't load plugin"), _CORRECT),
    (("NameResolutionError", "nodename nor servname"), f"Correct its host in MLFLOW_TRACKING_URI, {_LATER}"),
    (
        ("out-of-date database schema", "Can't locate revision"),
        "Another version of MLflow has made it. If that was an older one, copy the file, then type `mlflow db upgrade` "
        "with its address; if a newer one, set MLFLOW_TRACKING_URI to another store",
    ),
    (("file is not a database",), "The file is damaged or no database: move it away, or correct MLFLOW_TRACKING_URI"),
    (
        (
            "unable to open database",
            "readonly database",
            "Permission denied",
            "Is a directory",
            "File exists",
            "No such file",
        ),
        f"Make its file and folder writable, correct or unset MLFLOW_TRACKING_URI, {_LATER}",
    ),
    (("database is locked",), f"Wait for the process that holds it, or stop that, {_LATER}"),
)
_OTHERWISE = f"Start its server, correct or unset MLFLOW_TRACKING_URI, {_LATER}"


class TrackingUnavailableError(UserError, ConnectionError):
    """MLflow's store cannot be reached or used; the message says which, and what to do."""


@contextmanager
def refusing_what_is_away(uri: str, variable: str = _VARIABLE) -> Iterator[None]:
    """Turn MLflow's errors within the block into one that says what to do.

    Args:
        uri: The address of the store or the registry that is asked.
        variable: Of the environment, which names it.

    Raises:
        TrackingUnavailableError: In their stead.
    """
    from mlflow.exceptions import MlflowException

    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if not (isinstance(error, MlflowException | ImportError) or is_away(error) or _NO_ADDRESS in str(error)):
            raise
        raise TrackingUnavailableError(
            f"{_NAMES[variable]} {without_credentials(uri)} cannot be used: {shortened(error)}. "
            f"{_remedy(error).replace(_VARIABLE, variable)}"
        ) from error


def _remedy(error: Exception) -> str:
    """What a user can do about an error of MLflow or of what it reaches its store by."""
    if isinstance(error, ImportError):
        return f"The driver of that database is missing: {package_remedy(error)}"
    said = str(error)
    return next((way for signs, way in _REMEDIES if any(sign in said for sign in signs)), _OTHERWISE)
