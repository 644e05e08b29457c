"""Copies on this machine of files at addresses: as new as those, and verified."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mnist_resnet.storage.addresses import Address, AddressError
from mnist_resnet.storage.artifacts import replacing, sha256_of_path
from mnist_resnet.storage.json_records import read_record, write_json

_TRIES = 3


@dataclass(frozen=True)
class _Origin:
    """What a copy was made from: the version of the file at the address, and its SHA-256."""

    version: str
    sha256: str


class LocalCopy:
    """The copy of one file.

    Beside it is a record of the version that it is a copy of. A file at the address is fetched again only if it is of
    another version, or the copy is damaged.

    Args:
        address: Of the file.
        path: Of the copy.
    """

    def __init__(self, address: Address, path: Path) -> None:
        self.address, self.path = address, path
        self._verified: tuple[_Origin, int] | None = None

    def fetched(self) -> Path:
        """The path of the copy, which is fetched if it is not the same as the file at the address.

        Raises:
            FileNotFoundError: If there is no file at the address.
            AddressError: If it cannot be read, or is written all the time.
        """
        for _ in range(_TRIES):
            version = self.address.version()
            if version is None:
                raise FileNotFoundError(f"{self.address} does not exist")
            if self._is_of(version):
                return self.path
            with replacing(self.path) as temporary:
                self.address.download(temporary)
            if self.address.version() == version:
                self._note(_Origin(version, sha256_of_path(self.path)))
                return self.path
        raise AddressError(f"{self.address} was written while it was read; end what writes there, then try again")

    def digest(self) -> str | None:
        """The SHA-256 of the file at the address; None if there is none."""
        try:
            self.fetched()
        except FileNotFoundError:
            return None
        assert self._verified is not None
        return self._verified[0].sha256

    def publish(self) -> None:
        """Write the file at the path of the copy to the address, unless the same is there.

        Raises:
            AddressError: If it cannot be written.
        """
        digest, recorded = sha256_of_path(self.path), self._recorded()
        if recorded is None or recorded.sha256 != digest or recorded.version != self.address.version():
            self.address.upload(self.path, digest)
        self._note(_Origin(str(self.address.version()), digest))

    @property
    def _record(self) -> Path:
        return self.path.with_name(f"{self.path.name}.origin.json")

    def _is_of(self, version: str) -> bool:
        """Whether the copy is whole and that of a version."""
        recorded = self._recorded()
        if recorded is None or recorded.version != version or not self.path.is_file():
            return False
        changed = self.path.stat().st_mtime_ns
        if self._verified != (recorded, changed) and sha256_of_path(self.path) != recorded.sha256:
            return False
        self._verified = recorded, changed
        return True

    def _recorded(self) -> _Origin | None:
        return read_record(_Origin, self._record)

    def _note(self, origin: _Origin) -> None:
        write_json(self._record, origin)
        self._verified = origin, self.path.stat().st_mtime_ns


@dataclass(frozen=True)
class CopiedFolder:
    """A folder at an address, of whose files copies are kept in a folder of this machine."""

    address: Address
    path: Path

    def __str__(self) -> str:
        return str(self.address)

    def __truediv__(self, name: str) -> "CopiedFolder":
        return CopiedFolder(self.address / name, self.path / name)

    @property
    def name(self) -> str:
        """The last part of the address."""
        return self.address.name

    def file(self, name: str) -> LocalCopy:
        """The copy of a file, whether or not there is one."""
        return LocalCopy(self.address / name, self.path / name)


def place_of_copies(address: str, copies: Path) -> Path:
    """Where copies of what is at an address are kept.

    Args:
        address: Such as ``s3://bucket/mnist``.
        copies: The folder of all copies.
    """
    scheme, _, path = address.partition("://")
    return copies / scheme / PurePosixPath(path.strip("/"))
