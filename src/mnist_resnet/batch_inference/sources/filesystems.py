"""The file systems that sources lie in, all reached through fsspec."""

import errno
import os
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

from mnist_resnet.batch_inference.sources.chunks import SourceError
from mnist_resnet.terminal.printable_text import as_unicode, in_words
from mnist_resnet.terminal.redaction import without_credentials

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

# What stores say of a file's version, the strongest first.
_VERSIONS = ("ETag", "etag", "md5Hash", "content_md5", "checksum", "CRC", "mtime", "LastModified", "last_modified")
_OTHER_DATES = ("updated", "modified", "created")
_OF_THE_FILE = frozenset({errno.ENOENT, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.EIO})
# In a store, or in a damaged archive. A store's PermissionError is not among them: the credentials may have expired.
_FAULTS_OF_A_FILE = (
    FileNotFoundError,
    IsADirectoryError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
)
_OR_NOT_REACHED = ", or cannot be reached"
LOCAL = ""


def open_filesystem(source: str) -> "tuple[str, AbstractFileSystem, str]":
    """The file system of a source.

    Args:
        source: A path, or an address that fsspec reads, chained ones included.

    Returns:
        The address to open the file system by again (empty for this machine's), the file system, and the source's
        path in it.

    Raises:
        SourceError: If fsspec knows no such address, or the package that reads it is not installed.
    """
    from fsspec.core import url_to_fs
    from fsspec.implementations.local import LocalFileSystem

    if source == LOCAL or os.path.lexists(source):  # a local name may look like an address
        return LOCAL, LocalFileSystem(), os.path.abspath(source)  # noqa: PTH100 - any name, and links kept
    try:
        filesystem, path = url_to_fs(source)
    except Exception as error:  # of any file system's client
        raise SourceError(f"{received(source)}, which cannot be opened: {in_words(error)}") from error
    return (LOCAL if isinstance(filesystem, LocalFileSystem) else source), filesystem, path


def cannot_list(source: str, error: BaseException) -> SourceError:
    """The error of a source that cannot be listed."""
    if isinstance(error, FileNotFoundError):
        return SourceError(f"{received(source)}, which does not exist{_OR_NOT_REACHED if '://' in source else ''}")
    return SourceError(f"{received(source)}, which cannot be listed: {in_words(error)}")


def is_of_file(error: BaseException) -> bool:
    """Whether a file by itself cannot be read; else the disk or the network as a whole is not there."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _OF_THE_FILE
    return isinstance(error, _FAULTS_OF_A_FILE) or (isinstance(error, RuntimeError) and "password" in str(error))


def reading_failed(error: BaseException) -> bool:
    """Whether a file could not be read; else what was read is damaged, which pyarrow tells by a plain ``OSError``."""
    return isinstance(error, OSError) and (type(error) is not OSError or error.errno is not None)


def received(source: str) -> str:
    """How an error's message begins that tells of a source."""
    return f"SOURCE: received '{without_credentials(source)}'"


def shown_in(address: str, filesystem: "AbstractFileSystem", path: str) -> str:
    """A file as people read it: an absolute path, or an address without credentials."""
    if address == LOCAL:
        return as_unicode(path)
    inner, chained, outer = address.partition("::")
    container = f"{chained}{outer}" if "://" in inner else ""  # else the outer one is only cached
    return as_unicode(without_credentials(f"{filesystem.unstrip_protocol(path)}{container}"))


def mark_of(information: dict[str, Any]) -> str:
    """Size and version of a file, by which a change is noticed.

    Args:
        information: What fsspec says of the file.
    """
    versions = (information.get(name) for name in (*_VERSIONS, *_OTHER_DATES))
    return f"{information.get('size')} {next((version for version in versions if version), '')}"


def mark_of_status(status: os.stat_result) -> str:
    """The same of a file of this machine, to the nanosecond."""
    return f"{status.st_size} {status.st_mtime_ns}"


def current_mark(address: str, filesystem: "AbstractFileSystem", path: str) -> str:
    """The mark of a file as it is now.

    Raises:
        OSError: If it is not there.
    """
    return mark_of_status(os.stat(path)) if address == LOCAL else mark_of(filesystem.info(path))  # noqa: PTH116
