"""Folders and web servers that may hold a data set's files.

Each yields the files that are there with their bytes, possibly gzip-compressed, which the caller verifies. A file that
is there under several names comes several times. Of a place that cannot be read, or not to the end, the reason is a
``DeliveryError``.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mnist_resnet.config import IdxFile
from mnist_resnet.data.time_limit import in_time
from mnist_resnet.storage.arrays import RawContent, mapped
from mnist_resnet.storage.copies import CopiedFolder
from mnist_resnet.terminal.progress import progress
from mnist_resnet.terminal.redaction import without_credentials

CONNECT_SECONDS, READ_SECONDS = 5, 30
# For all files of a source: five minutes, or more for data sets that are larger than MNIST.
SOURCE_SECONDS, SLOWEST_BYTES_PER_SECOND = 300, 200_000
RETRIES = 2
MEGABYTE = 1_000_000


class DeliveryError(RuntimeError):
    """A source that could not deliver, with the reason."""


def file_names(name: str) -> tuple[str, ...]:
    """The names that mirrors give a file: with a dot or a hyphen before ``idx``, with or without ``.gz``."""
    plain = name.removesuffix(".gz")
    other = re.sub(r"[-.](?=idx\d)", lambda mark: "." if mark[0] == "-" else "-", plain)
    return tuple(dict.fromkeys([f"{plain}.gz", plain, f"{other}.gz", other]))


@dataclass(frozen=True)
class Folder:
    """A folder on this machine, with the files under any of their names.

    Each may also lie in a folder of its own name, as Kaggle's archives unpack.

    Args:
        path: The folder.
        stored_as: Further names by the files' own.
    """

    path: Path
    stored_as: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return without_credentials(f"folder {self.path}")

    def read(self, files: Sequence[IdxFile]) -> Iterator[tuple[IdxFile, RawContent]]:
        """Map those of the files that are there into memory."""
        for file in files:
            names = file_names(file.name)
            inner = [f"{folder}/{name}" for folder in names if not folder.endswith(".gz") for name in names]
            for name in dict.fromkeys([self.stored_as.get(file.name, file.name), *names, *inner]):
                if (self.path / name).is_file():
                    yield file, mapped(self.path / name)[: file.size + MEGABYTE]


@dataclass(frozen=True)
class AddressFolder:
    """A folder at an address of fsspec's, with the files under any of their names.

    Args:
        folder: Of whose files copies are kept on this machine.
        stored_as: Further names by the files' own.
    """

    folder: CopiedFolder
    stored_as: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return str(self.folder)

    def read(self, files: Sequence[IdxFile]) -> Iterator[tuple[IdxFile, RawContent]]:
        """Copy those of the files that are there, and map the copies into memory."""
        present = self.folder.address.sizes()
        for file in files:
            for name in dict.fromkeys([self.stored_as.get(file.name, file.name), *file_names(file.name)]):
                if name in present:
                    yield file, mapped(self.folder.file(name).fetched())[: file.size + MEGABYTE]


@dataclass(frozen=True)
class WebFolder:
    """A folder on a web server, with the files under one of their names."""

    url: str

    def __str__(self) -> str:
        return without_credentials(self.url)

    def read(self, files: Sequence[IdxFile]) -> Iterator[tuple[IdxFile, RawContent]]:
        """Download each file with bounded retries, time and size."""
        import requests

        try:
            with closing(in_time(self._chunks(files), time_limit(files))) as chunks:
                for file, _ in chunks:
                    yield file, _joined(file, takewhile(bool, (chunk for _, chunk in chunks)))
        except (requests.RequestException, TimeoutError) as error:
            raise DeliveryError(reason_of(error)) from None

    def _chunks(self, files: Sequence[IdxFile]) -> Iterator[tuple[IdxFile, bytes]]:
        """The pieces of each file in turn, between two empty ones."""
        with _session() as session:
            for file in files:
                for name in file_names(file.name):
                    timeouts = (CONNECT_SECONDS, READ_SECONDS)
                    with session.get(f"{self.url}{quote(name)}", stream=True, timeout=timeouts) as response:
                        if response.status_code != 404:
                            response.raise_for_status()
                            yield file, b""
                            yield from ((file, chunk) for chunk in response.iter_content(1 << 16) if chunk)
                            yield file, b""
                            break


def time_limit(files: Sequence[IdxFile]) -> float:
    """The seconds that a web server has for all files together."""
    return max(SOURCE_SECONDS, sum(file.size for file in files) / SLOWEST_BYTES_PER_SECOND)


def reason_of(error: Exception) -> str:
    """What went wrong, without the connection pool's account of itself."""
    cause = getattr(error.args[0], "reason", error) if error.args else error
    return (str(cause).rsplit("): ", 1)[-1] or type(error).__name__).splitlines()[0]


def _session() -> Any:
    import requests
    from requests.adapters import HTTPAdapter, Retry

    session = requests.Session()
    retry = Retry(
        total=RETRIES,
        connect=0,
        backoff_factor=0.5,
        status_forcelist=[500, 502, 503, 504],
        respect_retry_after_header=False,  # a server may not decide how long a run waits
    )
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry))
    return session


def _joined(file: IdxFile, chunks: Iterator[bytes]) -> RawContent:
    content = bytearray()
    with progress(f"Downloading {file.name}", file.size / MEGABYTE, "MB") as advance:
        for chunk in chunks:
            content += chunk
            if len(content) > file.size + MEGABYTE:
                raise DeliveryError(f"sent more than the {file.size} bytes of {file.name}")
            advance(len(chunk) / MEGABYTE)
    return memoryview(content).toreadonly()
