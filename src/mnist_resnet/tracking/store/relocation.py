"""The project's own store after its folder was moved, renamed or copied.

MLflow records the places of artifacts as absolute addresses. In the store that belongs to a project, those that lie in
the project's former folder are rewritten to lie in the present one.
"""

import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mnist_resnet.errors import UserError
from mnist_resnet.tracking.dead_runs import PROCESS, of_moved_project
from mnist_resnet.tracking.offline.folder import SPOOL_FOLDER
from mnist_resnet.tracking.store.address import absolute_uri, default_file, sqlite_file, tracking_uri

logger = logging.getLogger(__name__)

ARTIFACTS_FOLDER = "mlartifacts"
_PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
_OF_EXPERIMENTS, _OF_FILES = _PLACES[:1], _PLACES[1:3]
SECONDS = 30.0


class RelocationError(UserError, OSError):
    """The addresses in a project's store cannot be read, or not rewritten after a move."""


def artifacts_uri(project: Path) -> str:
    """Where a project keeps the artifacts of stores that are files."""
    return (project / ARTIFACTS_FOLDER).as_uri()


def present_store(project: Path, uri: str | None = None) -> str:
    """The tracking URI of the store to read from, from any folder, with its addresses in order.

    Args:
        project: The project's folder.
        uri: If None, where the project's runs are recorded.

    Raises:
        RelocationError: If the project was moved, and its database cannot be written.
    """
    store = absolute_uri(uri or tracking_uri(project))
    follow_project(store, project)
    return store


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
        with closing(sqlite3.connect(file, timeout=SECONDS)) as connection, connection:
            formers = _former_places(connection, project)
            for former in formers:
                _rewrite(connection, former, project)
    except sqlite3.DatabaseError as error:
        if formers:
            raise RelocationError(
                f"{file} cannot be changed: {error}. The project's folder was moved or copied, and so the addresses of "
                f"artifacts have to be; wait for a process that uses the file, or make it and its folder writable"
            ) from error
        if "locked" in str(error):
            raise RelocationError(
                f"{file} cannot be read: {error}. Wait for the process that holds it, or stop that"
            ) from error
        # Of a file that is no store, MLflow says so.


def _former_places(connection: sqlite3.Connection, project: Path) -> list[str]:
    """The addresses of folders of artifacts like this project's, in other places."""
    recorded = connection.execute("SELECT DISTINCT artifact_location FROM experiments").fetchall()
    here = project / ARTIFACTS_FOLDER
    return [address for (address,) in recorded if address and _is_like(address, here)]


def _is_like(address: str, here: Path) -> bool:
    place = _path(address)
    return (
        address.startswith("file:")
        and place.name == ARTIFACTS_FOLDER
        and address != here.as_uri()
        and place.resolve() != here.resolve()
    )


def _rewrite(connection: sqlite3.Connection, former: str, project: Path) -> None:
    are_here = _are_here(connection, former, project)
    if not are_here and _path(former).exists():
        return
    present = artifacts_uri(project)
    for table, column in _PLACES if are_here else _OF_EXPERIMENTS:
        connection.execute(
            f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE {_below(column)}",  # noqa: S608
            (present, len(former) + 1, *_bounds(former)),
        )
    if are_here:
        _rewrite_processes(connection, _path(former).parent, project)
    logger.info("The project's folder was moved or copied: its MLflow artifacts are looked for in %s", _path(present))


def _rewrite_processes(connection: sqlite3.Connection, former: Path, project: Path) -> None:
    """Let unfinished runs of the former folder be this project's, which marks those as failed that have died."""
    query = "SELECT run_uuid, value FROM tags JOIN runs USING (run_uuid) WHERE key = ? AND status = 'RUNNING'"
    for run_id, value in connection.execute(query, (PROCESS,)).fetchall():
        update = "UPDATE tags SET value = ? WHERE key = ? AND run_uuid = ?"
        connection.execute(update, (of_moved_project(value, former, project), PROCESS, run_id))


def _are_here(connection: sqlite3.Connection, former: str, project: Path) -> bool:
    """Whether files of runs or models, by the record in a former place, are in the present one, or wait in a spool."""
    for table, column in _OF_FILES:
        query = f"SELECT {column} FROM {table} WHERE {_below(column)}"  # noqa: S608  # names of our own
        for (address,) in connection.execute(query, _bounds(former)):
            below = address[len(former) :]
            spool = project / SPOOL_FOLDER / below.strip("/").partition("/")[0]
            if _path(artifacts_uri(project) + below).exists() or spool.exists():
                return True
    return False


def _below(column: str) -> str:
    return f"({column} = ? OR substr({column}, 1, ?) = ?)"


def _bounds(former: str) -> tuple[str, int, str]:
    return former, len(former) + 1, f"{former}/"


def _path(address: str) -> Path:
    return Path(unquote(urlsplit(address).path))
