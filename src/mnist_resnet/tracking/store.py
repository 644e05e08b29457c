"""MLflow's store: where it is, how it is called in messages, and its experiments."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mnist_resnet.errors import UserError
from mnist_resnet.redaction import without_credentials
from mnist_resnet.tracking.availability import is_away

_SHOWN = 300
# MLflow passes these on to later processes, and so to later runs of this one.
_EXPORTED = ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID")


class TrackingUnavailableError(UserError, ConnectionError):
    """MLflow's store cannot be reached or used; the message says which, and what to do."""


def tracking_uri(project: Path) -> str:
    """Where runs are recorded: ``MLFLOW_TRACKING_URI``, else ``mlflow.db`` in the project's folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{project / 'mlflow.db'}"


def absolute_uri(uri: str) -> str:
    """A tracking URI that names the same place from any folder."""
    scheme = next((each for each in ("sqlite:///", "") if uri.startswith(each)), "")
    is_path = bool(scheme) or not re.match(r"[a-z+]+:|databricks|uc$", uri)
    return f"{scheme}{Path(uri.removeprefix(scheme)).absolute()}" if is_path else uri


@contextmanager
def refusing_what_is_away(uri: str) -> Iterator[None]:
    """Turn MLflow's errors within the block into one that says what to do.

    Args:
        uri: The store's tracking URI.

    Raises:
        TrackingUnavailableError: In their stead.
    """
    from mlflow.exceptions import MlflowException

    try:
        yield
    except Exception as error:
        if not (isinstance(error, MlflowException) or is_away(error)):
            raise
        raise TrackingUnavailableError(
            f"MLflow's store {without_credentials(uri)} cannot be used: {shortened(error)}. Start its server, correct "
            f"or unset MLFLOW_TRACKING_URI, or record this run later: `--params tracking.offline=true`, then `kedro "
            f"sync-tracking`"
        ) from error


@contextmanager
def own_environment() -> Iterator[None]:
    """Put back, after the block, what MLflow sets in the environment when a store and an experiment are chosen."""
    before = {name: os.environ.get(name) for name in _EXPORTED}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def select_experiment(name: str, project: Path) -> None:
    """Make an experiment MLflow's present one.

    Args:
        name: Created if there is none of that name.
        project: The project's folder, which holds the artifacts if MLflow's present store is a file.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    if mlflow.get_experiment_by_name(name) is None:
        local = mlflow.get_tracking_uri().startswith("sqlite:")
        try:
            mlflow.create_experiment(name, (project / "mlartifacts").as_uri() if local else None)
        except MlflowException:
            if mlflow.get_experiment_by_name(name) is None:  # else another run was faster
                raise
    mlflow.set_experiment(name)


def shortened(error: BaseException) -> str:
    """An error's message in one line of bearable length, without credentials."""
    words = " ".join(without_credentials(str(error)).split())
    return words if len(words) <= _SHOWN else f"{words[:_SHOWN]} …"
