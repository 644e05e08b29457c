"""The storage of every artifact: saved under a temporary name, verified, then moved into place.

At an address, an artifact has a copy on this machine, which is saved so and then uploaded.
"""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from kedro.io import AbstractDataset, DatasetError

from mnist_resnet.storage.addresses import Address, AddressError, is_address, local_path
from mnist_resnet.storage.artifacts import replacing, sha256_of_path
from mnist_resnet.storage.copies import LocalCopy, place_of_copies
from mnist_resnet.storage.disk_space import StorageError

Content = TypeVar("Content")


class ArtifactDataset(AbstractDataset[Content, Content], Generic[Content]):
    """A file or folder on this machine, or a file at an address, that is whole or absent.

    Args:
        filepath: Where it is stored: a path, a file URL, or an address of fsspec's.
        copies: ``path``: the folder for copies of what is at addresses.
        metadata: For kedro-viz and for tracking; see ``conf/base/catalog.yml``.

    Attributes:
        path: Of the artifact, or of its copy.
        stale: Set when the artifact was made from other parameters or inputs than the present
            ones; it then counts as missing.
    """

    def __init__(
        self, *, filepath: str, copies: Mapping[str, str] | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        self.path = stored_path(filepath, copies)
        self.metadata = metadata
        self.stale = False
        self._local_copy = LocalCopy(Address(filepath), self.path) if is_address(filepath) else None

    @property
    def filepath(self) -> Path | None:
        """The artifact's file, whose size kedro-viz shows after a run; None if it is a folder or is not there."""
        return self.path if self.path.is_file() else None

    def load(self) -> Content:
        """Load the artifact.

        Raises:
            DatasetError: If it is missing, damaged or of another kind.
        """
        return self._read(self._found())

    def _found(self) -> Path:
        """The path of what is stored, once that has been fetched."""
        try:
            path = self._local_copy.fetched() if self._local_copy else self.path
        except FileNotFoundError as error:
            raise DatasetError(f"{error}; make it with `kedro run --only-missing-outputs`") from None
        except AddressError as error:
            raise DatasetError(str(error)) from error
        if not path.exists():
            raise DatasetError(f"{path} does not exist; make it with `kedro run --only-missing-outputs`")
        return path

    def save(self, data: Content) -> None:
        """Write ``data`` beside the artifact or its copy, read it back, then let it take the artifact's place.

        Raises:
            DatasetError: If it cannot be written; the artifact is then as it was.
        """
        try:
            with replacing(self.path) as temporary:
                self._write(temporary, data)
                self._verify(temporary, data)
            if self._local_copy:
                self._local_copy.publish()
        except (StorageError, AddressError) as error:
            raise DatasetError(str(error)) from error  # of any other, Kedro would say how it got here
        self.stale = False

    def digest(self) -> str | None:
        """The SHA-256 of what is stored; None if there is nothing."""
        if self._local_copy:
            return self._local_copy.digest()
        return sha256_of_path(self.path) if self.path.exists() else None

    def state(self) -> tuple[int, ...] | None:
        """What changes whenever the artifact's file is written; None for a folder, an address, or nothing."""
        if self._local_copy or not self.path.is_file():
            return None
        found = self.path.stat()
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns

    @abstractmethod
    def _read(self, path: Path) -> Content: ...

    @abstractmethod
    def _write(self, path: Path, data: Content) -> None: ...

    def _verify(self, path: Path, data: Content) -> None:
        if not self._is_same(self._read(path), data):
            raise DatasetError(f"{path} does not read back as it was written; check the disk")

    def _is_same(self, loaded: Content, saved: Content) -> bool:
        return loaded == saved

    def _exists(self) -> bool:
        return (self._local_copy.address.exists() if self._local_copy else self.path.exists()) and not self.stale

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._local_copy.address if self._local_copy else self.path)}


def stored_path(filepath: str, copies: Mapping[str, str] | None) -> Path:
    """The path of an artifact or, at an address, of its copy.

    Args:
        filepath: A path, a file URL, or an address.
        copies: ``path``: the folder for copies.

    Raises:
        DatasetError: If it is an address, and there is no such folder.
    """
    if not is_address(filepath):
        return local_path(filepath)
    if copies is None:
        raise DatasetError(f"{Address(filepath)}: received an address without `copies`, the folder for copies; add it")
    return place_of_copies(filepath, Path(copies["path"]))
