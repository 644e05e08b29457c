"""Places where a data set's files can be had; each hands over bytes, which the caller verifies."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from mnist_resnet.config import IdxFile
from mnist_resnet.data.deadline import Deadline
from mnist_resnet.data.verification import right_one
from mnist_resnet.storage.arrays import Content, mapped
from mnist_resnet.terminal.progress import progress
from mnist_resnet.terminal.redaction import without_credentials

_CONNECT_SECONDS, _READ_SECONDS = 5, 30
# For all files of a source: five minutes, or more for data sets that are larger than MNIST.
_SOURCE_SECONDS, _SLOWEST_BYTES_PER_SECOND = 300, 200_000
_RETRIES = 2
MEGABYTE = 1_000_000


class SourceError(RuntimeError):
    """A source that could not deliver, with the reason."""


class Place(Protocol):
    """Somewhere that files may be read from."""

    def __str__(self) -> str:
        """The place as a reader of messages knows it."""

    def read(self, files: Sequence[IdxFile]) -> Mapping[str, Content]:
        """The contents by file name, possibly gzip-compressed; files not there are left out.

        Raises:
            SourceError: If nothing could be read at all.
        """


def spellings(name: str) -> tuple[str, ...]:
    """A file's name, and as other mirrors write it: ``train-images-idx3-ubyte`` and ``train-images.idx3-ubyte``."""
    plain = name.removesuffix(".gz")
    other = re.sub(r"[-.](?=idx\d)", lambda mark: "." if mark[0] == "-" else "-", plain)
    return (plain,) if other == plain else (plain, other)


@dataclass(frozen=True)
class Folder:
    """A folder on this machine, with the files under any of their names, plain or as ``<name>.gz``.

    Each may also lie in a folder of its own name, as Kaggle's archives unpack.

    Args:
        path: The folder.
        stored_as: Further names by the files' own.
    """

    path: Path
    stored_as: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return without_credentials(f"folder {self.path}")

    def read(self, files: Sequence[IdxFile]) -> Mapping[str, Content]:
        """Map those of the files that are there into memory."""
        found = {}
        for file in files:
            contents = [mapped(path)[: file.size + MEGABYTE] for path in self._paths(file.name) if path.is_file()]
            if contents:
                found[file.name] = right_one(contents, file)
        return not_empty(found)

    def _paths(self, name: str) -> list[Path]:
        plain = spellings(name)
        names = [each + end for each in plain for end in ("", ".gz")]
        stored = [self.stored_as[name]] if name in self.stored_as else []
        return [
            self.path / each for each in dict.fromkeys([*stored, *names, *(f"{f}/{n}" for f in plain for n in names)])
        ]


@dataclass(frozen=True)
class WebFolder:
    """A folder on a web server, with the files under one of their names, as ``<name>.gz`` or uncompressed."""

    url: str

    def __str__(self) -> str:
        return without_credentials(self.url)

    def read(self, files: Sequence[IdxFile]) -> Mapping[str, Content]:
        """Download each file with bounded retries, time and size."""
        import requests
        from requests.adapters import HTTPAdapter, Retry

        deadline = Deadline(max(_SOURCE_SECONDS, sum(file.size for file in files) / _SLOWEST_BYTES_PER_SECOND))
        with requests.Session() as session:
            retry = Retry(
                total=_RETRIES,
                connect=0,
                backoff_factor=0.5,
                status_forcelist=[500, 502, 503, 504],
                respect_retry_after_header=False,  # a server may not decide how long a run waits
            )
            for scheme in ("https://", "http://"):
                session.mount(scheme, HTTPAdapter(max_retries=retry))
            try:
                found = {file.name: self._download(session, file, deadline) for file in files}
            except (requests.RequestException, TimeoutError) as error:
                raise SourceError(reason_of(error)) from None
        return not_empty({name: content for name, content in found.items() if content is not None})

    def _download(self, session: Any, file: IdxFile, deadline: Deadline) -> Content | None:
        for name in (each + end for each in spellings(file.name) for end in (".gz", "")):
            address = f"{self.url}{quote(name)}"
            get = partial(session.get, address, stream=True, timeout=(_CONNECT_SECONDS, _READ_SECONDS))
            with deadline.wait_for(get) as response:
                if response.status_code != 404:
                    response.raise_for_status()
                    return _bounded(_chunks(response, deadline), file)
        return None


def _chunks(response: Any, deadline: Deadline) -> Iterator[bytes]:
    chunks = response.iter_content(1 << 16)
    try:
        while (chunk := deadline.wait_for(partial(next, chunks, None))) is not None:
            yield chunk
    except TimeoutError:
        with suppress(RuntimeError):  # it has ended in this very moment
            response.raw.shutdown()  # or closing it would wait for the thread that reads
        raise


def _bounded(chunks: Iterator[bytes], file: IdxFile) -> Content:
    content = bytearray()
    with progress(f"Downloading {file.name}", file.size / MEGABYTE, "MB") as advance:
        for chunk in chunks:
            content += chunk
            if len(content) > file.size + MEGABYTE:
                raise SourceError(f"sent more than the {file.size} bytes of {file.name}")
            advance(len(chunk) / MEGABYTE)
    return memoryview(content).toreadonly()


def not_empty(found: Mapping[str, Content], where: str = "") -> Mapping[str, Content]:
    """What was found.

    Raises:
        SourceError: If that is nothing; ``where`` completes the message.
    """
    if not found:
        raise SourceError(f"holds none of the files{where}")
    return found


def reason_of(error: Exception) -> str:
    """What went wrong, without the connection pool's account of itself."""
    cause = getattr(error.args[0], "reason", error) if error.args else error
    return (str(cause).rsplit("): ", 1)[-1] or type(error).__name__).splitlines()[0]
