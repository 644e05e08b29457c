"""Tracking stores to record in and to read from; those in SQLite are created atomically."""

import os
import tempfile
from pathlib import Path
from typing import Any

from mnist_resnet.errors import UserError
from mnist_resnet.storage.artifacts import remove_leftovers
from mnist_resnet.tracking.store.address import absolute_uri, sqlite_file, sqlite_uri, tracking_uri
from mnist_resnet.tracking.store.relocation import follow_project

_HOUR = 3600.0


class StoreMissingError(UserError, LookupError):
    """There is no store to read from."""


def open_store(uri: str, project: Path) -> Any:
    """Let MLflow use a store to record in: made if it is missing, with its addresses in order.

    Args:
        uri: The store's tracking URI.
        project: The project's folder.

    Returns:
        MLflow's client for it.

    Raises:
        OSError: If its file cannot be made or opened.
        RelocationError: If the project was moved, and its database cannot be written.
    """
    import mlflow

    make_store(uri)
    follow_project(uri, project)
    mlflow.set_tracking_uri(uri)
    return mlflow.MlflowClient(uri)


def present_store(project: Path, uri: str | None = None) -> str:
    """The tracking URI of a store to read from, from any folder, with its addresses in order.

    Args:
        project: The project's folder.
        uri: If None, where the project's runs are recorded.

    Raises:
        StoreMissingError: If its file is missing: MLflow would make one.
        RelocationError: If the project was moved, and its database cannot be written.
    """
    store = absolute_uri(uri or tracking_uri(project))
    file = sqlite_file(store)
    if file is not None and not file.is_file():
        state = "is not a file: correct" if file.exists() else "does not exist: make it with `kedro run`, or correct"
        raise StoreMissingError(f"MLflow's store {file} {state} MLFLOW_TRACKING_URI")
    follow_project(store, project)
    return store


def make_store(uri: str) -> None:
    """Make the file of a SQLite store, with its tables, if it is missing; it is whole or absent.

    MLflow would do so itself at the first use, in a hundred small steps. A kill between two of them, or a second
    process at the same time, leaves a file that no later run can use.

    Args:
        uri: The tracking URI; nothing happens for other stores than files of SQLite, or where there are options in it.

    Raises:
        OSError: If it is there and cannot be opened, which MLflow would try again and again for 100 s.
    """
    import mlflow

    path = sqlite_file(uri)
    if path is None:
        return
    if path.exists():
        path.open("rb").close()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        made = Path(folder) / path.name
        mlflow.MlflowClient(sqlite_uri(made)).search_experiments()
        try:
            os.link(made, path)
        except OSError:  # another process was faster, and may use its file already; or a file system without links
            if not path.exists():
                made.replace(path)
    remove_leftovers(path.parent, seconds_old=_HOUR, deep=False)
