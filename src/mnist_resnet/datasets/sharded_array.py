"""Arrays that are stored in one file or, if they are given for that, in shards."""

from collections.abc import Mapping
from typing import Any

from kedro.io import DatasetError

from mnist_resnet.datasets.plain_data import ArrayDataset
from mnist_resnet.storage.addresses import Address, AddressError
from mnist_resnet.storage.arrays import Array
from mnist_resnet.storage.disk_space import StorageError
from mnist_resnet.storage.shard_writing import RowsForShards, write_shards
from mnist_resnet.storage.shards import INDEX, ShardError, Shards, shards_digest


class ShardedArrayDataset(ArrayDataset):
    """An array as ``.npy`` or, of rows for shards, as a folder of that name without the suffix.

    There is one form at a time: the other one goes once the new one is written. Of shards at an address, there are no
    copies on this machine.

    Args:
        filepath: Of the array as one file, such as ``train_images.npy``.
        copies: As of ``ArtifactDataset``.
        metadata: For kedro-viz and for tracking.
    """

    def __init__(
        self, *, filepath: str, copies: Mapping[str, str] | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        super().__init__(filepath=filepath, copies=copies, metadata=metadata)
        self.folder = Address(filepath.removesuffix(".npy"))

    def load(self) -> Array:
        """The array mapped into memory, or its shards.

        Raises:
            DatasetError: If it is missing or damaged.
        """
        if not self._in_shards():
            return super().load()
        try:
            return Shards(self.folder)
        except (ShardError, AddressError) as error:
            raise DatasetError(str(error)) from error

    def save(self, data: Array) -> None:
        """Write the array, as shards if they are ``RowsForShards``.

        Raises:
            DatasetError: If it cannot be written.
        """
        try:
            if not isinstance(data, RowsForShards):
                super().save(data)
                self.folder.remove()
                return
            write_shards(data, data.shard_rows, self.folder)
            self.path.unlink(missing_ok=True)
            if self._local_copy:
                self._local_copy.address.remove()
        except (StorageError, AddressError, ShardError) as error:
            raise DatasetError(str(error)) from error
        self.stale = False

    def digest(self) -> str | None:
        """The SHA-256 of the file, or of the index of the shards."""
        return shards_digest(self.folder) if self._in_shards() else super().digest()

    def _in_shards(self) -> bool:
        return (self.folder / INDEX).exists()

    def _exists(self) -> bool:
        return (self._in_shards() and not self.stale) or super()._exists()
