"""Runs whose process has died without closing them: found by the next run, and marked as failed.

The process that a run belongs to locks a file, which a tag of the run names, as long as the run is open. However the
process ends, the operating system frees the lock.
"""

import fcntl
import logging
import re
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from mnist_resnet.terminal.redaction import in_one_line
from mnist_resnet.tracking.offline.spool import SPOOL_FOLDER
from mnist_resnet.tracking.store.experiments import runs_in

logger = logging.getLogger(__name__)

LOCK, ENDED_BECAUSE = "lock", "ended_because"
_FOLDER = Path(SPOOL_FOLDER, ".running")
_NAME = re.compile("tmp[a-z0-9_]{8}")  # as tempfile makes them


@contextmanager
def locked_while_open(project: Path) -> Iterator[dict[str, str]]:
    """Hold the lock of a run, which belongs to this process, within the block.

    Args:
        project: The project's folder, which holds the locked file.

    Yields:
        The run's tag, ``<host>:<path>`` of that file; none where no file can be locked.
    """
    with ExitStack() as held:
        tags: dict[str, str] = {}
        with suppress(OSError):  # a folder that cannot be written, or a file system without locks
            folder = project.resolve() / _FOLDER
            folder.mkdir(parents=True, exist_ok=True)
            file = held.enter_context(tempfile.NamedTemporaryFile(dir=folder, delete=False))
            # While it is still locked: a file that is there and free tells of a dead run.
            held.callback(Path(file.name).unlink, missing_ok=True)
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            tags = {LOCK: f"{socket.gethostname()}:{file.name}"}
        yield tags


def reopen(client: Any, run: Any) -> None:
    """Let a run that has ended go on; that its process once died is said no longer.

    Args:
        client: MLflow's, of the store.
        run: As MLflow has it.
    """
    if ENDED_BECAUSE in run.data.tags:
        client.delete_tag(run.info.run_id, ENDED_BECAUSE)
    client.update_run(run.info.run_id, status="RUNNING")


def moved_lock(tag: str, former: Path, present: Path) -> str:
    """The tag of a run whose project was moved or copied; unchanged if its file belongs to another project.

    Args:
        tag: Its value.
        former: The project's folder before.
        present: And after.
    """
    host, file = _host_and_file(tag)
    return f"{host}:{present.resolve() / _FOLDER / file.name}" if _is_lock_of(former, file) else tag


def close_dead_runs(client: Any, experiment: str, project: Path) -> None:
    """Mark the runs as FAILED that are RUNNING by the record, but whose process is dead.

    A run on another machine or of another project, or one whose file is not seen here, as from another container, is
    left alone.

    Args:
        client: MLflow's, of the store.
        experiment: The name of the experiment to look into; nothing happens if there is none.
        project: The project's folder, which holds the locked files.
    """
    from mlflow.exceptions import MlflowException

    try:
        for run in runs_in(client, experiment, "attributes.status = 'RUNNING'"):
            host, file = _host_and_file(run.data.tags.get(LOCK, ""))
            if host == socket.gethostname() and _is_lock_of(project.resolve(), file) and _is_free(file):
                client.set_tag(run.info.run_id, ENDED_BECAUSE, "its process died without closing it")
                client.set_terminated(run.info.run_id, "FAILED")
                file.unlink(missing_ok=True)
                logger.info("Run %s (%s) is marked as failed: its process died", run.info.run_id[:8], run.info.run_name)
    except MlflowException as error:  # such as of a server that lets nobody change older runs
        logger.warning("Runs that have died could not be marked as failed: %s", in_one_line(error))


def _is_lock_of(project: Path, file: Path) -> bool:
    """Whether a file can be a lock of a project's run: a tag, which others may write too, can name any file."""
    return file.parent == project / _FOLDER and _NAME.fullmatch(file.name) is not None


def _is_free(file: Path) -> bool:
    """Whether a file is there and nobody holds its lock."""
    with suppress(OSError), file.open("r+b") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return file.exists()  # else its run was closed just now
    return False


def _host_and_file(tag: str) -> tuple[str, Path]:
    host, _, file = tag.partition(":")
    return host, Path(file)
