"""One run at a time for each folder of outputs: a lock that the kernel frees when its process dies."""

import fcntl
import json
import logging
import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mnist_resnet.errors import UserError

logger = logging.getLogger(__name__)

LOCK_FILE = "run.lock"


class LockedError(UserError, RuntimeError):
    """Another run works in the same folder, or nothing can be written there."""


class FolderLock:
    """The right to write into a folder, held by one process at a time.

    It is a ``flock`` on a file in the folder. The file says who holds it, and is removed when it is
    given back. After a kill it stays, but nobody holds it then, so the next run takes it over.
    Programs that this process starts do not inherit the lock; processes that it forks share it.

    Args:
        folder: Made if it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK_FILE
        self._descriptor: int | None = None

    def acquire(self, command: Sequence[str] = sys.argv) -> None:
        """Take the lock, or refuse at once.

        Args:
            command: What this process does, for the message that others see.

        Raises:
            LockedError: If another run holds it, or the folder cannot be written.
        """
        try:
            while not self._take():
                pass
        except OSError as error:
            raise LockedError(
                f"{self.path.parent} cannot be written: {error.strerror}. Make it writable, or choose another "
                f"folder as `outputs` in the recipe's globals.yml"
            ) from error
        self._describe(command)

    def release(self) -> None:
        """Give the lock back; nothing happens if it is not held."""
        if self._descriptor is None:
            return
        with suppress(OSError):
            self.path.unlink()  # while it is still held: later, it may be another's
            self.path.parent.rmdir()  # succeeds only where the run has written nothing
        os.close(self._descriptor)
        self._descriptor = None

    def _take(self) -> bool:
        """Lock the file; False if it was removed meanwhile by the one that held it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:
            return False
        try:
            self._lock(descriptor)
            held = _is_same_file(descriptor, self.path)
        except BaseException:
            os.close(descriptor)
            raise
        if held:
            self._descriptor = descriptor
        else:
            os.close(descriptor)
        return held

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockedError(_refusal(self.path, os.pread(descriptor, 1 << 16, 0))) from None
        except OSError as error:  # some network file systems have no locks
            logger.warning(
                "%s cannot be locked (%s): start only one run at a time there", self.path.parent, error.strerror
            )

    def _describe(self, command: Sequence[str]) -> None:
        assert self._descriptor is not None
        since = datetime.now(UTC).isoformat(timespec="seconds")
        holder = {"process": os.getpid(), "since": since, "command": _in_words(command)}
        with suppress(OSError):  # a full disk: then others are refused without this
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, json.dumps(holder).encode() + b"\n", 0)


def _is_same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _in_words(command: Sequence[str]) -> str:
    return shlex.join([Path(command[0]).name, *command[1:]]) if command else ""


def _refusal(path: Path, content: bytes) -> str:
    try:
        holder: dict[str, Any] = json.loads(content)
        who = f"process {holder['process']} since {holder['since']}: `{holder['command']}`"
    except (ValueError, KeyError, TypeError):
        who = f"a process that has just started (see {path})"
    return (
        f"Another run is using {path.parent}: {who}. Wait for it or stop it; "
        f"a run of another recipe (--env) can run at the same time"
    )
