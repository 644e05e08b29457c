"""The files of a source, listed once and in an order that any machine finds again."""

import glob
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from mnist_resnet.batch_inference.sources.chunks import SourceError
from mnist_resnet.batch_inference.sources.file_types import is_hidden
from mnist_resnet.batch_inference.sources.filesystems import (
    LOCAL,
    cannot_list,
    mark_of,
    mark_of_status,
    open_filesystem,
    received,
)

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_MAGIC = frozenset("*?[")


class ListedFile(NamedTuple):
    """A file of a source.

    Attributes:
        path: In the source's file system.
        name: Below the folder that was named, with ``/``; the last part of the path if the file itself was named.
        mark: Size and version.
        size: In bytes; −1 if not known.
        fault: Why it cannot be read, if that is known already; else empty.
    """

    path: str
    name: str
    mark: str
    size: int
    fault: str = ""


@dataclass(frozen=True)
class Listing:
    """The files of a source.

    Attributes:
        address: See ``open_filesystem``.
        filesystem: Where they lie.
        files: Sorted by name, character by character, so that the order depends on no language.
        named: Whether the source is one file, named by the user.
    """

    address: str
    filesystem: "AbstractFileSystem"
    files: list[ListedFile]
    named: bool


def list_source(source: str) -> Listing:
    """List a source.

    Args:
        source: A file, a folder (listed with all that is below it), a pattern, or an address of one of these.

    Raises:
        SourceError: If it does not exist or cannot be listed.
    """
    if not source:
        raise SourceError(f"{received(source)}; name a file, a folder, a pattern or an address")
    address, filesystem, path = open_filesystem(source)
    try:
        files, named = _local(path) if address == LOCAL else _remote(filesystem, path)
    except Exception as error:  # of any file system's client
        raise cannot_list(source, error) from error
    files.sort(key=lambda file: file.name)
    return Listing(address, filesystem, files, named)


def _local(path: str) -> tuple[list[ListedFile], bool]:
    if not os.path.lexists(path):
        return _matching(path), False
    status = os.stat(path)  # noqa: PTH116 - names that are no valid text, and speed, throughout this module
    if stat.S_ISDIR(status.st_mode):
        os.scandir(path).close()  # that the folder itself may be read
        return list(_below(path, "")), False
    return [_listed(path, os.path.basename(path), status)], True  # noqa: PTH119


def _matching(pattern: str) -> list[ListedFile]:
    """What a pattern matches, folders with all that is below them."""
    if not _MAGIC & set(pattern):
        raise FileNotFoundError(pattern)
    literal, found = len(_literal_part(pattern)), dict[str, ListedFile]()
    for matched in glob.iglob(escaped(pattern), recursive=True):  # noqa: PTH207
        path, name = matched.rstrip("/"), matched[literal:].strip("/")
        each = _below(path, f"{name}/".lstrip("/")) if os.path.isdir(path) else [_status(path, name)]  # noqa: PTH112
        found.update((file.path, file) for file in each)
    if not found:
        raise FileNotFoundError(pattern)
    return list(found.values())


def escaped(pattern: str) -> str:
    """An absolute pattern in which the signs of a part that exists mean nothing else."""
    literal = _literal_part(pattern)
    return glob.escape(literal) + pattern[len(literal) :]


def _literal_part(pattern: str) -> str:
    """The longest part of an absolute pattern that exists."""
    while not os.path.lexists(pattern):
        pattern = os.path.dirname(pattern)  # noqa: PTH120
    return pattern


def _folder_before_magic(pattern: str) -> str:
    plain = pattern[: min(pattern.index(sign) for sign in _MAGIC if sign in pattern)]
    return plain[: plain.rindex("/") + 1]


def _below(root: str, prefix: str) -> Iterator[ListedFile]:
    """All files below a folder; links to folders are followed, but for those that lead back to where they lie."""
    waiting: list[tuple[str, str, frozenset[tuple[int, int]]]] = [(root, prefix, frozenset())]
    while waiting:
        folder, name, above = waiting.pop()
        try:
            status = os.stat(folder)  # noqa: PTH116
            here = (status.st_dev, status.st_ino)
            entries = [] if here in above else list(os.scandir(folder))
        except OSError as error:
            yield ListedFile(folder, name.rstrip("/"), "", -1, f"the folder cannot be read: {error.strerror}")
            continue
        if here in above:
            yield ListedFile(folder, name.rstrip("/"), "", -1, "a link to a folder that it lies in; it is not followed")
        for entry in entries:
            if _is_folder(entry) and is_hidden(entry.name):
                yield ListedFile(entry.path, name + entry.name, "", 0)
            elif _is_folder(entry):
                waiting.append((entry.path, f"{name}{entry.name}/", above | {here}))
            else:
                yield _status(entry, name + entry.name)


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # such as a link to itself
        return False


def _status(file: "os.DirEntry[str] | str", name: str) -> ListedFile:
    path = os.fspath(file)
    try:
        return _listed(path, name, os.stat(path) if isinstance(file, str) else file.stat())  # noqa: PTH116
    except OSError as error:
        return ListedFile(path, name, "", -1, str(error.strerror))


def _listed(path: str, name: str, status: os.stat_result) -> ListedFile:
    fault = "" if stat.S_ISREG(status.st_mode) else "neither a file nor a folder"
    return ListedFile(path, name, mark_of_status(status), status.st_size, fault)


def _remote(filesystem: "AbstractFileSystem", path: str) -> tuple[list[ListedFile], bool]:
    if _MAGIC & set(path) and not filesystem.exists(path):
        return _remote_matching(filesystem, path), False
    if path and filesystem.isfile(path):
        return [_described(filesystem.info(path), path, path.rsplit("/", 1)[-1])], True
    root = path.rstrip("/")
    found: dict[str, Any] = filesystem.find(path, detail=True)
    if not found and not filesystem.exists(path):
        raise FileNotFoundError(path)
    files = {where: each for where, each in found.items() if each.get("type") != "directory"}
    return [_described(each, where, where[len(root) :].lstrip("/")) for where, each in files.items()], False


def _remote_matching(filesystem: "AbstractFileSystem", pattern: str) -> list[ListedFile]:
    root = _folder_before_magic(f"/{pattern}")[1:]
    files: dict[str, ListedFile] = {}
    for path, each in filesystem.glob(pattern, detail=True).items():
        below = filesystem.find(path, detail=True) if each.get("type") == "directory" else {path: each}
        files |= {where: _described(one, where, where.removeprefix(root)) for where, one in below.items()}
    if not files:
        raise FileNotFoundError(pattern)
    return list(files.values())


def _described(information: dict[str, Any], path: str, name: str) -> ListedFile:
    size = information.get("size")
    return ListedFile(path, name, mark_of(information), -1 if size is None else int(size))
