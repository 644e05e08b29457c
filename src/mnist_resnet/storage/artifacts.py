"""Files and folders that are whole or absent, and their SHA-256."""

import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from mnist_resnet.storage.disk_space import writing

# As `replacing` names its folders: `tempfile` ends them with eight such signs.
_TEMPORARY = re.compile(r"\.(?P<name>.+)\.[a-z0-9_]{8}")
_ASIDE = ".replaced"


def sha256_of_bytes(content: bytes | memoryview) -> str:
    """The SHA-256 of some bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def sha256_of_pieces(pieces: Iterable[bytes]) -> str:
    """The SHA-256 of bytes that come piece by piece, in hexadecimal."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def sha256_of_path(path: Path) -> str:
    """The SHA-256 of a file's bytes or, for a folder, of its relative file names and their digests.

    Raises:
        FileNotFoundError: If there is nothing at ``path``.
    """
    if path.is_dir():
        files = _files_below(path)
        lines = [f"{sha256_of_path(file)}  {file.relative_to(path).as_posix()}" for file in files]
        return sha256_of_bytes("\n".join(lines).encode())
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files_below(folder: Path) -> list[Path]:
    """The files of a folder in sorted order, without those that macOS adds when somebody looks at it."""
    found = (file for file in folder.rglob("*") if file.name != ".DS_Store" and not file.name.startswith("._"))
    return sorted(file for file in found if file.is_file())


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that takes its place if the block succeeds.

    The block writes a file or a folder there, and may read it back to verify it. If the block
    raises, whatever it wrote is removed and ``path`` stays as it was.

    Raises:
        FileNotFoundError: If the block succeeds without having written anything.
        StorageError: If the disk is full or cannot be written.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
            written = Path(folder) / path.name
            with writing(path, Path(folder)):
                yield written
                if not written.exists():
                    raise FileNotFoundError(f"nothing was written for {path}")
                _flush_to_disk(written)
                _exchange(written, path, aside=Path(folder) / f"{path.name}{_ASIDE}")


def _exchange(written: Path, path: Path, aside: Path) -> None:
    """Move ``written`` to ``path``; a folder that is there is put back if that fails."""
    try:
        if path.is_dir():
            path.replace(aside)
        written.replace(path)
    except BaseException:
        if aside.exists():
            aside.replace(path)
        raise


def remove_leftovers(folder: Path, seconds_old: float = 0, deep: bool = True) -> None:
    """Remove what ``replacing`` had begun to write in a folder when its process was killed.

    A folder that it had moved aside, with nothing in its place yet, is put back.

    Args:
        folder: Nothing happens if there is none. Nobody else may write there, unless what is written is younger.
        seconds_old: How long nothing must have been written to a leftover.
        deep: Whether to look into the folders below it, too.
    """
    for path in _hidden(folder, deep):
        with suppress(OSError):  # its owner is alive and has removed it itself
            if is_leftover(path) and time.time() - path.stat().st_mtime >= seconds_old:
                _put_back(path)
                shutil.rmtree(path)


def _put_back(leftover: Path) -> None:
    for aside in leftover.glob(f"*{_ASIDE}"):
        target = leftover.with_name(aside.name.removesuffix(_ASIDE))
        if not target.exists():
            aside.replace(target)


def _hidden(folder: Path, deep: bool) -> list[Path]:
    try:
        return list(folder.rglob(".*.*") if deep else folder.glob(".*.*"))
    except FileNotFoundError:  # another run has just put its file in place; what is left goes next time
        return []


def is_leftover(path: Path) -> bool:
    """Whether a path is a temporary folder of ``replacing``, by its name and by what is in it."""
    named = _TEMPORARY.fullmatch(path.name)
    if not named or not path.is_dir():
        return False
    return {each.name for each in path.iterdir()} <= {named["name"], f"{named['name']}{_ASIDE}"}


def _flush_to_disk(path: Path) -> None:
    for file in [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]:
        with file.open("rb") as opened:
            os.fsync(opened.fileno())


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write ``files``, relative names with their contents, under ``folder``."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def read_files(folder: Path) -> dict[str, bytes]:
    """The contents of all files under ``folder``, by relative name in sorted order.

    Raises:
        FileNotFoundError: If the folder is missing, or was replaced by another meanwhile.
    """
    before = _identity(folder)
    files = _files_below(folder)
    contents = {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}
    if _identity(folder) != before:
        raise FileNotFoundError(f"{folder} was replaced by another process while it was read")
    return contents


def _identity(folder: Path) -> tuple[int, int, int]:
    found = folder.stat()
    return found.st_dev, found.st_ino, found.st_mtime_ns


def remove(path: Path) -> None:
    """Remove a file, a folder, or a link but not what it leads to; nothing happens if there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
