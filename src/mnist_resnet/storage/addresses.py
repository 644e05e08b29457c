"""Files at fsspec addresses, such as ``s3://bucket/mnist``, that are whole or absent, as those of this machine are."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from mnist_resnet.config.places import CLIENTS
from mnist_resnet.errors import UserError
from mnist_resnet.storage.artifacts import replacing, sha256_of_bytes
from mnist_resnet.terminal.redaction import in_one_line, without_credentials

# An object is there once all of it has arrived. Elsewhere, a file is written under another name and then moved.
_OBJECT_STORES = CLIENTS.keys()
_CREDENTIALS = {
    "s3fs": "AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "gcsfs": "GOOGLE_APPLICATION_CREDENTIALS",
    "adlfs": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}


class AddressError(UserError, OSError):
    """An address that cannot be read or written; the message says what to do."""


def is_address(place: str) -> bool:
    """Whether a place is at an address; paths and file URLs are of this machine."""
    return "://" in place and not place.startswith("file://")


def local_path(place: str) -> Path:
    """The path of a place of this machine, which is a path or a file URL (RFC 8089)."""
    return Path(unquote(urlsplit(place).path)) if place.startswith("file://") else Path(place)


class Address:
    """A file or a folder that fsspec reaches; also one of this machine, by its path.

    Args:
        url: Such as ``s3://bucket/mnist/train``, a path, or a file URL.
    """

    def __init__(self, url: str | Path) -> None:
        self.url = (str(url) if is_address(str(url)) else str(local_path(str(url)))).rstrip("/")

    def __str__(self) -> str:
        return without_credentials(self.url)

    def __truediv__(self, name: str) -> "Address":
        return Address(f"{self.url}/{name}")

    @property
    def name(self) -> str:
        """The last part."""
        return self.url.rpartition("/")[2]

    @property
    def local(self) -> Path | None:
        """The path, if it is on this machine."""
        return None if is_address(self.url) else Path(self.url)

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        """The file system and the path in it."""
        import fsspec

        return fsspec.core.url_to_fs(self.url, use_listings_cache=False)  # type: ignore[no-any-return]

    def exists(self) -> bool:
        """Whether there is something."""
        with self._reached():
            system, path = self._opened
            return bool(system.exists(path))

    def version(self) -> str | None:
        """What changes when the file is written again; None if there is none."""
        with suppress(FileNotFoundError), self._reached():
            system, path = self._opened
            return str(system.ukey(path))
        return None

    def sizes(self) -> dict[str, int]:
        """The files of a folder by their names, with their sizes in bytes; none if there is no folder."""
        with suppress(FileNotFoundError), self._reached():
            system, path = self._opened
            listed = system.ls(path, detail=True)
            return {each["name"].rpartition("/")[2]: each["size"] for each in listed if each["type"] == "file"}
        return {}

    def read(self, start: int | None = None, end: int | None = None) -> bytes:
        """The bytes of a file, or those from ``start`` to before ``end``.

        Raises:
            FileNotFoundError: If there is none.
            AddressError: If it cannot be read.
        """
        with self._reached():
            system, path = self._opened
            return bytes(system.cat_file(path, start=start, end=end))

    def write(self, content: bytes) -> None:
        """Write a file, whole or not at all.

        Raises:
            AddressError: If it cannot be written.
            StorageError: If a disk of this machine is full or cannot be written.
        """
        if self.local:
            with replacing(self.local) as temporary:
                temporary.write_bytes(content)
            return
        with self._arriving(sha256_of_bytes(content)) as (system, path):
            system.pipe_file(path, content)

    def upload(self, file: Path, digest: str) -> None:
        """Write a file of this machine there, whole or not at all.

        Args:
            file: To be copied.
            digest: Its SHA-256.

        Raises:
            AddressError: If it cannot be written.
        """
        with self._arriving(digest) as (system, path):
            system.put_file(os.fspath(file), path)

    def download(self, file: Path) -> None:
        """Write what is there into a file of this machine.

        Raises:
            FileNotFoundError: If there is nothing.
            AddressError: If it cannot be read.
        """
        with self._reached():
            system, path = self._opened
            system.get_file(path, os.fspath(file))

    def remove(self) -> None:
        """Remove a file, or a folder with all that is in it; nothing happens if there is none."""
        with self._reached(), suppress(FileNotFoundError):
            system, path = self._opened
            system.rm(path, recursive=True)

    @contextmanager
    def _arriving(self, digest: str) -> Iterator[tuple[Any, str]]:
        """The file system and the path to write to; the file is in place when the block ends."""
        with self._reached():
            system, path = self._opened
            if self.url.partition("://")[0] in _OBJECT_STORES:
                yield system, path
                return
            folder, _, name = path.rpartition("/")
            system.makedirs(folder, exist_ok=True)
            aside = f"{folder}/.{name}.{digest[:12]}"  # two that write the same may write it at once
            yield system, aside
            system.mv(aside, path)

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """Say in one line what is in the way of the block."""
        try:
            yield
        except (FileNotFoundError, UserError):
            raise
        except Exception as error:
            raise AddressError(f"{self} cannot be used: {in_one_line(error)}{_remedy(self.url, error)}") from error


def _remedy(url: str, error: Exception) -> str:
    client = CLIENTS.get(url.partition("://")[0])
    if client and isinstance(error, ImportError):
        return f". Its client is not installed: pip install {client}"
    if client and (isinstance(error, PermissionError) or "redential" in f"{type(error).__name__} {error}"):
        return f". Set the credentials in the environment: {_CREDENTIALS[client]}"
    return ""
