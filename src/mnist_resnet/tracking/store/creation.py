"""A new local store of MLflow is whole or absent: MLflow cannot go on with one whose making was interrupted."""

import os
import tempfile
from pathlib import Path

from mnist_resnet.storage.artifacts import remove_leftovers
from mnist_resnet.tracking.store.address import sqlite_file, sqlite_uri

_HOUR = 3600.0


def make_store(uri: str) -> None:
    """Make the file of a SQLite store, with its tables, if it is missing.

    MLflow would do so itself at the first use, in a hundred small steps. A kill between two of them, or a second
    process at the same time, leaves a file that no later run can use.

    Args:
        uri: The tracking URI; nothing happens for other stores than files of SQLite, or where there are options in it.

    Raises:
        OSError: If it is there and cannot be opened, which MLflow would try again and again for 100 s.
    """
    path = sqlite_file(uri)
    if path is None:
        return
    if path.exists():
        path.open("rb").close()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        made = Path(folder) / path.name
        _make_tables(made)
        _put(made, path)
    remove_leftovers(path.parent, seconds_old=_HOUR, deep=False)


def _put(made: Path, path: Path) -> None:
    try:
        os.link(made, path)
    except FileExistsError:  # another process was faster, and may use its file already
        pass
    except OSError:  # a file system without links
        if not path.exists():
            made.replace(path)


def _make_tables(path: Path) -> None:
    import mlflow

    mlflow.MlflowClient(sqlite_uri(path)).search_experiments()
