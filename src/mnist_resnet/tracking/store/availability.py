"""Absence of MLflow's store, or of a thing in it: known by errors, and waited for in bounded time."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from mnist_resnet.computing.variables import set_variables

REQUEST_SECONDS, UPLOAD_SECONDS = 10, 60
# Seconds from the first failure; a server that is started again is back within this time.
PATIENCE = 15.0
_FIRST_PAUSE = 0.5
# Clients of databases and of object stores let these through; their errors have no common base.
_CLIENTS_OF_STORES = ("sqlalchemy", "botocore", "boto3", "urllib3")
# Statuses of MLflow below 500 that speak of the store or the way to it, not of what was asked of it.
_NOT_AT_PRESENT = {401, 403, 408, 429}
# MLflow sets these in the environment of a process, and so for its later runs and for the processes that it starts.
_SET_BY_MLFLOW = ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID")

Answer = TypeVar("Answer")


def is_away(error: BaseException) -> bool:
    """Whether an error says that the store did not answer or could not store, not that the request was wrong."""
    from mlflow.exceptions import MlflowException

    if isinstance(error, OSError) or type(error).__module__.split(".")[0] in _CLIENTS_OF_STORES:
        return True
    if isinstance(error, MlflowException):
        status = error.get_http_status_code()
        if status >= 500 or status in _NOT_AT_PRESENT:
            return True
    return error.__cause__ is not None and is_away(error.__cause__)


def if_there(question: Callable[[], Answer]) -> Answer | None:
    """What MLflow answers; None where it says that there is no such thing."""
    from mlflow.exceptions import MlflowException

    try:
        return question()
    except MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            return None
        raise


def retry_while_away(question: Callable[[], Answer]) -> Answer:
    """Ask again and again, with growing pauses, while the store is away; no try begins later than ``PATIENCE``.

    Args:
        question: Asks it; may be asked several times to the effect of once.
    """
    deadline, pause = None, _FIRST_PAUSE
    while True:
        try:
            return question()
        except Exception as error:
            now = time.monotonic()
            deadline = deadline or now + PATIENCE
            if not is_away(error) or now + pause > deadline:
                raise
        time.sleep(pause)
        pause *= 2


@contextmanager
def bounded_requests(seconds: int, uri: str) -> Iterator[None]:
    """Let requests of MLflow within the block fail after some seconds; its variables are put back after the block.

    MLflow's own retries are off: it would send again what must not be done twice, such as the creation of a run.
    Limits that the user has set stay. MLflow shows no bar while it copies files.

    Args:
        seconds: For a connection, and again for each answer.
        uri: Of the store; if it holds a password, MLflow prints no address of the run, which would show it.
    """
    limits = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": str(seconds)}
    limits["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    if "@" in uri:
        limits["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
    set_here = {name: os.environ.get(name, value) for name, value in limits.items()}
    with set_variables(set_here | {name: os.environ.get(name) for name in _SET_BY_MLFLOW}):
        yield
