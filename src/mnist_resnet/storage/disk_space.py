"""Space on disks: the check before work starts, and one clear error where a disk is full or read-only."""

import errno
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mnist_resnet.errors import UserError

_MEGABYTE = 1_000_000
_NOT_THE_DISK = {errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EAGAIN}
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class StorageError(UserError, OSError):
    """A disk that takes no more, or nothing at all; the message says which path was to be written."""


@contextmanager
def writing(path: Path, folder: Path | None = None) -> Iterator[None]:
    """Turn what goes wrong with the disk while the block writes into one clear error.

    Args:
        path: What the block makes.
        folder: Where it writes that at first, and all that it has written so far.

    Raises:
        StorageError: In place of an OSError, and of whatever a library raises on a full disk. An error that is one for
            the user already, such as of the address that was to be copied, stays.
    """
    try:
        yield
    except (UserError, FileNotFoundError):
        raise
    except Exception as error:
        cause = _disk_error(error, folder)
        if cause is None:
            raise
        raise StorageError(_what_failed(path, folder, cause)) from error


def _disk_error(error: Exception, folder: Path | None) -> OSError | None:
    """What the disk has to do with an error; libraries have kinds of their own, and some leave out the reason."""
    if isinstance(error, OSError) and error.errno is not None:
        return None if error.errno in _NOT_THE_DISK else error
    if folder is not None and shutil.disk_usage(folder).free < _MEGABYTE:
        return OSError(errno.ENOSPC, "No space left on device")
    return error if isinstance(error, OSError) else None


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder among the system's temporary files, which goes with all it holds when the block ends.

    Raises:
        StorageError: If there is no room for what the block writes.
    """
    with tempfile.TemporaryDirectory(prefix="mnist_resnet.") as name:
        folder = Path(name)
        with writing(folder, folder):
            yield folder


def require_space(purpose: str, needs: Mapping[Path, int]) -> None:
    """Refuse work that the disks have no room for.

    Args:
        purpose: What the room is for, for the message.
        needs: Bytes by the folder that they will be written under, which need not exist yet. Those of
            folders on one disk are added up.

    Raises:
        StorageError: With what is needed and what is free.
    """
    disks: dict[int, dict[Path, int]] = defaultdict(dict)
    for folder, size in needs.items():
        disks[_existing(folder).stat().st_dev][folder] = size
    for wanted in disks.values():
        free = shutil.disk_usage(_existing(next(iter(wanted)))).free
        if sum(wanted.values()) > free:
            parts = " and ".join(f"{_megabytes(size)} in {folder}" for folder, size in wanted.items())
            raise StorageError(
                f"{purpose} needs about {parts}, but {_megabytes(free)} are free there; make room first. "
                f"Temporary files go to another disk if TMPDIR names a folder on it."
            )


def _existing(folder: Path) -> Path:
    return next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())


def _what_failed(path: Path, folder: Path | None, error: OSError) -> str:
    need = ""
    if error.errno in _NO_ROOM and folder is not None:
        so_far = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        room = so_far if error.errno == errno.EFBIG else so_far + shutil.disk_usage(folder).free
        need = f"; it needs more than the {_megabytes(room)} that are left"
    return f"{path} could not be written: {error.strerror or error}{need}. What was there before is unchanged."


def _megabytes(size: int) -> str:
    return f"{size / _MEGABYTE:,.1f} MB"
