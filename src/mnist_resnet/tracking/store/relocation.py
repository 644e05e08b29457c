"""Addresses of artifacts in a project's store, rewritten once the project has moved.

MLflow records the places of artifacts as absolute addresses. In the store that belongs to a project, those that lie in
the project's former folder are rewritten to lie in the present one, after it was moved, renamed or copied.
"""

import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from mnist_resnet.errors import UserError
from mnist_resnet.tracking.dead_runs import LOCK, moved_lock
from mnist_resnet.tracking.offline.spool import SPOOL_FOLDER
from mnist_resnet.tracking.store.address import ARTIFACTS_FOLDER, artifacts_uri, default_file, sqlite_file

logger = logging.getLogger(__name__)

LOCK_SECONDS = 30.0  # to wait for another process that has locked the database
_OF_EXPERIMENTS = ("experiments", "artifact_location")
_OF_FILES = (("runs", "artifact_uri"), ("logged_models", "artifact_location"))
_OF_VERSIONS = (("model_versions", "source"), ("model_versions", "storage_location"))


class RelocationError(UserError, OSError):
    """The addresses in a project's store cannot be read, or not rewritten after a move."""


def follow_project(uri: str, project: Path) -> None:
    """Let the addresses in a project's own store follow the project's folder; nothing happens for other stores.

    A former folder is known by an experiment that has its artifacts there. All addresses there are rewritten, in one
    transaction, if some of those artifacts are here now: the folder was moved or copied. If it is gone and none of its
    artifacts are here, only new runs come here. Else another project uses this store, and keeps its artifacts.

    Args:
        uri: The store's tracking URI.
        project: The project's present folder.

    Raises:
        RelocationError: If the database cannot be written, or is locked for long.
    """
    file = sqlite_file(uri)
    if file is None or not file.is_file() or file.resolve() != default_file(project).resolve():
        return
    formers: list[str] = []
    try:
        with closing(sqlite3.connect(file, timeout=LOCK_SECONDS)) as connection, connection:
            formers = [address for address in _column(connection, *_OF_EXPERIMENTS) if _is_former(address, project)]
            for former in formers:
                _rewrite(connection, former, project)
    except sqlite3.DatabaseError as error:
        if not formers and "locked" not in str(error):
            return  # of a file that is no store, MLflow says so
        what = "changed, as it has to be after the project's folder was moved or copied" if formers else "read"
        raise RelocationError(
            f"{file} cannot be {what}: {error}. Wait for the process that uses it, or stop that process, or make "
            f"the file and its folder writable"
        ) from error


def _column(connection: sqlite3.Connection, table: str, column: str) -> list[str]:
    rows = connection.execute(f"SELECT DISTINCT {column} FROM {table} WHERE {column} IS NOT NULL")  # noqa: S608
    return [value for (value,) in rows.fetchall()]


def _is_former(address: str, project: Path) -> bool:
    """Whether an address is that of a folder of artifacts like this project's, in another place."""
    place, here = _path(address), project / ARTIFACTS_FOLDER
    return address.startswith("file:") and place.name == ARTIFACTS_FOLDER and place.resolve() != here.resolve()


def _rewrite(connection: sqlite3.Connection, former: str, project: Path) -> None:
    present, are_here = artifacts_uri(project), _are_here(connection, former, project)
    if not are_here and _path(former).exists():
        return

    def moved(address: Any) -> Any:
        return f"{present}{address[len(former) :]}" if f"{address}/".startswith(f"{former}/") else address

    connection.create_function("moved", 1, moved, deterministic=True)
    for table, column in (_OF_EXPERIMENTS, *_OF_FILES, *_OF_VERSIONS) if are_here else (_OF_EXPERIMENTS,):
        connection.execute(f"UPDATE {table} SET {column} = moved({column}) WHERE {column} != moved({column})")  # noqa: S608
    if are_here:
        _rewrite_locks(connection, _path(former).parent, project)
    logger.info("The project's folder was moved or copied: its MLflow artifacts are looked for in %s", _path(present))


def _rewrite_locks(connection: sqlite3.Connection, former: Path, project: Path) -> None:
    """Let unfinished runs of the former folder be this project's, which marks those as failed that have died."""
    query = "SELECT run_uuid, value FROM tags JOIN runs USING (run_uuid) WHERE key = ? AND status = 'RUNNING'"
    for run_id, value in connection.execute(query, (LOCK,)).fetchall():
        update = "UPDATE tags SET value = ? WHERE key = ? AND run_uuid = ?"
        connection.execute(update, (moved_lock(value, former, project), LOCK, run_id))


def _are_here(connection: sqlite3.Connection, former: str, project: Path) -> bool:
    """Whether files of runs or models, by the record in a former place, are in the present one, or wait in a spool."""
    recorded = (address for place in _OF_FILES for address in _column(connection, *place))
    below = [Path(unquote(each[len(former) + 1 :])) for each in recorded if each.startswith(f"{former}/")]
    return any(
        (project / ARTIFACTS_FOLDER / each).exists() or (project / SPOOL_FOLDER / each.parts[0]).exists()
        for each in below
    )


def _path(address: str) -> Path:
    return Path(unquote(urlsplit(address).path))
