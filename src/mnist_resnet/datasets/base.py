"""The storage of every artifact: saved under a temporary name, verified, then moved into place."""

from abc import abstractmethod
from pathlib import Path
from typing import Any, Generic, TypeVar

from kedro.io import AbstractDataset, DatasetError

from mnist_resnet.storage.artifacts import replacing, sha256_of_path
from mnist_resnet.storage.space import StorageError

Content = TypeVar("Content")


class ArtifactDataset(AbstractDataset[Content, Content], Generic[Content]):
    """A file or folder on this machine that is whole or absent.

    Args:
        filepath: Where it is stored.
        metadata: For kedro-viz and for tracking; see ``conf/base/catalog.yml``.

    Attributes:
        stale: Set when the artifact was made from other parameters or inputs than the present
            ones; it then counts as missing.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self.path = Path(filepath)
        self.metadata = metadata
        self.stale = False

    def load(self) -> Content:
        """Load the artifact.

        Raises:
            DatasetError: If it is missing, damaged or of another kind.
        """
        if not self.path.exists():
            raise DatasetError(f"{self.path} does not exist; make it with `kedro run --only-missing-outputs`")
        return self._read(self.path)

    def save(self, data: Content) -> None:
        """Write ``data`` beside the artifact, read it back, then let it take the artifact's place.

        Raises:
            DatasetError: If it cannot be written; the artifact is then as it was.
        """
        try:
            with replacing(self.path) as temporary:
                self._write(temporary, data)
                self._verify(temporary, data)
        except StorageError as error:
            raise DatasetError(str(error)) from error  # of any other, Kedro would say how it got here
        self.stale = False

    def digest(self) -> str | None:
        """The SHA-256 of what is stored; None if there is nothing."""
        return sha256_of_path(self.path) if self.path.exists() else None

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
        return self.path.exists() and not self.stale

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self.path)}
