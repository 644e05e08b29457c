"""One run at a time for each folder of outputs: a lock that the kernel frees when its process dies."""

import fcntl
import io
import json
import logging
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mnist_resnet.errors import UserError
from mnist_resnet.terminal.redaction import without_credentials

logger = logging.getLogger(__name__)

LOCK_FILE = "run.lock"
_ELSEWHERE = (
    "or use another folder: each recipe (--env) has one, and `outputs` in conf/local/globals.yml moves that of base"
)


class LockedError(UserError, RuntimeError):
    """Another run works in the same folder, or nothing can be written there."""


@contextmanager
def folder_lock(folder: Path, command: Sequence[str] = sys.argv, elsewhere: str = _ELSEWHERE) -> Iterator[None]:
    """Hold the right to write into a folder within the block; one process at a time has it.

    It is a ``flock`` on a file in the folder. The file says who holds it, and is removed when it is
    given back. After a kill it stays, but nobody holds it then, so the next run takes it over.
    Programs that this process starts do not inherit the lock; processes that it forks share it.

    Args:
        folder: Made if it is missing, and removed with the lock if nothing was written there.
        command: What this process does, for the message that others see; credentials are left out.
        elsewhere: What another process could do instead, for the end of a message.

    Raises:
        LockedError: At once, if another run holds it or the folder cannot be written.
    """
    path = folder / LOCK_FILE
    try:
        file = _locked(path)
    except LockedError as refusal:
        raise LockedError(f"{refusal}, {elsewhere}") from None
    except OSError as error:
        raise LockedError(f"{folder} cannot be written: {error.strerror}. Make it writable, {elsewhere}") from error
    with file:
        _describe(file, command)
        try:
            yield
        finally:
            with suppress(OSError):
                path.unlink()  # while it is still held: later, it may be another's
                folder.rmdir()  # succeeds only where the run has written nothing


def _locked(path: Path) -> io.FileIO:
    """Open and lock the file, again if it was removed meanwhile by the one that held it."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError), ExitStack() as opened:
            file = opened.enter_context(path.open("a+b", buffering=0))
            _lock(file, path)
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                opened.pop_all()
                return file


def _lock(file: io.FileIO, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LockedError(_refusal(path, os.pread(file.fileno(), 1 << 16, 0))) from None
    except OSError as error:  # some network file systems have no locks
        logger.warning("%s cannot be locked (%s): start only one run at a time there", path.parent, error.strerror)


def _describe(file: io.FileIO, command: Sequence[str]) -> None:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    words = [Path(command[0]).name, *map(without_credentials, command[1:])] if command else []
    with suppress(OSError):  # a full disk: then others are refused without this
        file.truncate(0)
        file.write(json.dumps({"process": os.getpid(), "since": since, "command": shlex.join(words)}).encode() + b"\n")


def _refusal(path: Path, content: bytes) -> str:
    try:
        holder: dict[str, Any] = json.loads(content)
        who = f"process {holder['process']} since {holder['since']}: `{holder['command']}`"
    except (ValueError, KeyError, TypeError):
        who = f"a process that has just started (see {path})"
    return f"Another run is using {path.parent}: {who}. Wait for it or stop it"
