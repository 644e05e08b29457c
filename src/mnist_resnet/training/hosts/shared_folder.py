"""A folder that all hosts of a training see."""

import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from mnist_resnet.computing.device import DeviceError
from mnist_resnet.storage.disk_space import writing

_MARK = ".hosts"
_SECONDS_TO_APPEAR = 60.0  # a network's file system may remember for so long that a file was missing
_SECONDS_BETWEEN_LOOKS = 0.5


@dataclass(frozen=True)
class SharedFolder:
    """A folder with a mark that was made where the training was started.

    Attributes:
        path: Absolute, the same on all hosts.
        mark: What the file of the mark holds.
    """

    path: Path
    mark: str

    def require(self, seconds: float = _SECONDS_TO_APPEAR) -> Path:
        """The path, if this host sees that very folder.

        Args:
            seconds: How long the mark may take to appear.

        Raises:
            DeviceError: If it does not appear.
        """
        end = time.monotonic() + seconds
        while not self._is_marked():
            if time.monotonic() >= end:
                raise DeviceError(
                    f"training.hosts: the host {socket.gethostname()} does not see {self.path} as it is where the "
                    f"training was started; keep the project's outputs on a disk that all hosts share, at the same path"
                )
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        return self.path

    def _is_marked(self) -> bool:
        try:
            return (self.path / _MARK).read_text(encoding="utf-8") == self.mark
        except OSError:
            return False


@contextmanager
def shared_folder(path: Path) -> Iterator[SharedFolder]:
    """Mark a folder within the block, for all hosts to see.

    Args:
        path: Made if it is not there.

    Raises:
        StorageError: If it cannot be written.
    """
    folder = SharedFolder(path.absolute(), secrets.token_hex(8))
    with writing(folder.path / _MARK):
        folder.path.mkdir(parents=True, exist_ok=True)
        (folder.path / _MARK).write_text(folder.mark, encoding="utf-8")
    try:
        yield folder
    finally:
        with suppress(OSError):  # the folder or its disk is gone, which the block has told
            (folder.path / _MARK).unlink(missing_ok=True)
