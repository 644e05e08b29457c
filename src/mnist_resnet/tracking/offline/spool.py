"""Spools: what could not be sent to MLflow, kept in the project's folder until ``kedro sync-tracking`` sends it.

A spool is a folder ``mlspool/<run id>``: ``journal.jsonl`` describes the run and then, in order, what is to be recorded
in it; ``files/`` holds copies of files, models and arrays; ``uploaded.json`` says how far an upload has come. Whoever
writes or uploads a spool holds a lock on it, which the operating system takes back when the process ends.
"""

import fcntl
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from mnist_resnet.errors import UserError
from mnist_resnet.tracking.offline.journal import append_record, as_operation, as_record, read_records
from mnist_resnet.tracking.operations import Operation
from mnist_resnet.tracking.store.address import portable_uri, resolved_uri

SPOOL_FOLDER = "mlspool"
_JOURNAL, _LOCK, _FILES = "journal.jsonl", "lock", "files"


class SpoolError(UserError, ValueError):
    """A spool cannot be read, or not be sent to its end; what was not sent stays in it."""


@dataclass(frozen=True)
class SpooledRun:
    """The run that a spool belongs to.

    Attributes:
        run_id: MLflow's identifier if the run was created there, else one of our own.
        created: Whether MLflow has created it.
        store: The tracking URI that it is meant for, without credentials.
        experiment: The experiment's name.
        name: The run's name.
        tags: Those that the run is created with.
        started: In milliseconds since 1970.
        query_sha256: Of the query that the tracking URI had, which is left out; empty if it had none, or is not known.
    """

    run_id: str
    created: bool
    store: str
    experiment: str
    name: str
    tags: Mapping[str, str]
    started: int
    query_sha256: str = ""


class Spool:
    """A new spool, locked until it is closed or the process ends.

    Args:
        project: The project's folder.
        run: The run that it belongs to.
    """

    def __init__(self, project: Path, run: SpooledRun) -> None:
        parent = project / SPOOL_FOLDER
        parent.mkdir(exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".", dir=parent))
        made.chmod(0o755)
        self._lock = (made / _LOCK).open("wb")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        append_record(made / _JOURNAL, asdict(run) | {"store": portable_uri(run.store, project)})
        name = run.run_id if not (parent / run.run_id).exists() else f"{run.run_id}-{made.name[1:]}"
        # Only now is it seen by others: locked, and with a run to belong to.
        self.folder = made.rename(parent / name)
        self._count = 0

    def append(self, operation: Operation) -> None:
        """Keep an operation; when this returns, it outlives the process.

        Raises:
            OSError: If it cannot be stored.
        """
        append_record(self.folder / _JOURNAL, as_record(operation, self.folder / _FILES / str(self._count)))
        self._count += 1

    def close(self) -> None:
        """Let others upload it."""
        self._lock.close()


def spool_folders(project: Path) -> list[Path]:
    """The folders of all spools of a project, the least recently written first."""
    journals = project.glob(f"{SPOOL_FOLDER}/[!.]*/{_JOURNAL}")
    return sorted((each.parent for each in journals), key=lambda folder: (last_written(folder), folder))


def spools_of(project: Path, run_id: str) -> list[Path]:
    """The folders of a run's own spools: of each time that its store went away."""
    return [folder for folder in spool_folders(project) if folder.name.partition("-")[0] == run_id]


def read_spool(folder: Path) -> tuple[SpooledRun, list[Operation]]:
    """The run that a spool belongs to, and what is to be recorded in it.

    Raises:
        SpoolError: If it cannot be read or is damaged.
    """
    try:
        run, *records = read_records(folder / _JOURNAL)
        run["store"] = resolved_uri(run["store"], folder.parents[1])
        return SpooledRun(**run), [as_operation(record, folder / _FILES) for record in records]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise SpoolError(f"{folder} cannot be read: {error!r}. Nothing of it was sent; it stays there") from error


def last_written(folder: Path) -> int:
    """When a spool was last added to, in milliseconds since 1970; 0 if it is not there any more."""
    try:
        return int((folder / _JOURNAL).stat().st_mtime * 1000)
    except FileNotFoundError:
        return 0


@contextmanager
def locked(folder: Path) -> Iterator[bool]:
    """Hold a spool's lock within the block; false if its run is going on, or another process uploads it."""
    try:
        lock = (folder / _LOCK).open("ab")
    except (FileNotFoundError, NotADirectoryError):  # it has just been uploaded
        yield False
        return
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield (folder / _JOURNAL).exists()


def remove_spool(folder: Path) -> None:
    """Remove a spool; a process that is killed meanwhile leaves none that others take for one."""
    hidden = folder.with_name(f".{folder.name}.uploaded")
    shutil.rmtree(hidden, ignore_errors=True)  # of a process that was killed meanwhile
    shutil.rmtree(folder.rename(hidden), ignore_errors=True)
