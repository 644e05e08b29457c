"""A new local store of MLflow is whole or absent: MLflow cannot go on with one whose making was interrupted."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from mnist_resnet.artifacts import remove_leftovers

_SCHEME = "sqlite:///"
_HOUR = 3600.0


def make_store(uri: str) -> None:
    """Make the file of a SQLite store, with its tables, if it is missing.

    MLflow would do so itself at the first use, in a hundred small steps. A kill between two of them, or a second
    process at the same time, leaves a file that no later run can use.

    Args:
        uri: The tracking URI; nothing happens for other stores than files of SQLite.
    """
    path = Path(uri.removeprefix(_SCHEME))
    if not uri.startswith(_SCHEME) or path.name in {"", ":memory:"} or path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        made = Path(folder) / path.name
        _make_tables(made)
        with suppress(FileExistsError):  # another process was faster, and may use its file already
            os.link(made, path)
    remove_leftovers(path.parent, seconds_old=_HOUR, deep=False)


def _make_tables(path: Path) -> None:
    import mlflow

    mlflow.MlflowClient(f"{_SCHEME}{path}").search_experiments()
