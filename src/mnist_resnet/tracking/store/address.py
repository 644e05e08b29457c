"""Addresses of MLflow's stores and of artifacts."""

import os
import re
from pathlib import Path
from urllib.parse import unquote

from mnist_resnet.errors import UserError
from mnist_resnet.storage.artifacts import sha256_of_bytes

ARTIFACTS_FOLDER = "mlartifacts"
_SQLITE = re.compile(r"sqlite(?:\+pysqlite)?:///(?!file:|:memory:)([^?]+)(\?.*)?")
_NO_PATH = re.compile(r"[a-z+]+:|databricks|uc$")
_OWN = "sqlite:///mlflow.db"


class StoreAddressError(UserError, ValueError):
    """A path cannot be the place of a store."""


def tracking_uri(project: Path) -> str:
    """The store that runs are recorded in: ``MLFLOW_TRACKING_URI``, else ``mlflow.db`` in the project's folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or sqlite_uri(default_file(project))


def default_file(project: Path) -> Path:
    """The file of the store that belongs to a project."""
    return project / "mlflow.db"


def artifacts_uri(project: Path) -> str:
    """Where a project keeps the artifacts of stores that are files."""
    return (project / ARTIFACTS_FOLDER).as_uri()


def sqlite_uri(file: Path) -> str:
    """The tracking URI of a file of SQLite, whatever characters its path has.

    Raises:
        StoreAddressError: If the path is no UTF-8 text, which neither SQLite nor MLflow's addresses can name.
    """
    text = str(file)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise StoreAddressError(
            f"{text!a}: this path is no UTF-8 text, so MLflow cannot keep its store there. Rename the folder, or "
            f"set `--params tracking.enabled=false`"
        ) from error
    if not set(text) & set("?%"):
        return f"sqlite:///{text}"
    from sqlalchemy import URL

    # Without the driver's name, MLflow would make a folder that is called like the encoded path.
    return URL.create("sqlite+pysqlite", database=text).render_as_string()


def sqlite_file(uri: str) -> Path | None:
    """The file of a store of SQLite; None for other stores, and for addresses with options, which SQLite reads."""
    found = _SQLITE.fullmatch(uri)
    return Path(unquote(found[1])) if found and not found[2] else None


def portable_uri(uri: str, project: Path) -> str:
    """A tracking URI as a project's folder keeps it, which may be moved: without the place of its own store."""
    return _OWN if sqlite_file(uri) == default_file(project) else uri


def resolved_uri(kept: str, project: Path) -> str:
    """The tracking URI that ``portable_uri`` has kept, of a project that may have been moved."""
    return sqlite_uri(default_file(project)) if kept == _OWN else kept


def query_sha256(uri: str) -> str:
    """The SHA-256 of an address's query, which may hold secrets but tells stores apart; empty without one."""
    query = uri.partition("?")[2]
    return sha256_of_bytes(query.encode()) if query else ""


def absolute_uri(uri: str) -> str:
    """A tracking URI that names the same place from any folder."""
    if found := _SQLITE.fullmatch(uri):
        return sqlite_uri(Path(unquote(found[1])).absolute()) + (found[2] or "")
    return uri if _NO_PATH.match(uri) else str(Path(uri).absolute())
