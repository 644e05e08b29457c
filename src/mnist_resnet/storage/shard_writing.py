"""The writing of rows as shards: the index is removed first and written last."""

from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_resnet.storage.addresses import Address
from mnist_resnet.storage.arrays import Rows, Selection
from mnist_resnet.storage.artifacts import sha256_of_bytes
from mnist_resnet.storage.digests import ArrayDigest
from mnist_resnet.storage.shards import INDEX, Shard, ShardError, ShardIndex


class RowsForShards(Selection):
    """Rows of an array that are to be stored as shards.

    Args:
        array: Of one dimension or more; may be memory-mapped.
        rows: int64 (rows,), which of them, in this order.
        shard_rows: How many are in a shard; the last one may have fewer.
    """

    def __init__(self, array: npt.NDArray[Any], rows: npt.NDArray[np.int64], shard_rows: int) -> None:
        super().__init__(array, rows)
        self.shard_rows = shard_rows


def write_shards(rows: Rows, shard_rows: int, folder: Address) -> None:
    """Write rows as shards, of which one is in memory at a time.

    Args:
        rows: At least one.
        shard_rows: How many are in a shard; the last one may have fewer.
        folder: Where they go; shards that are there are replaced.

    Raises:
        AddressError: If they cannot be written.
        StorageError: If a disk of this machine is full or cannot be written.
        ShardError: If a shard does not read back as it was written.
    """
    (folder / INDEX).remove()
    digest, shards = ArrayDigest(rows.dtype, rows.shape), list[Shard]()
    for number, start in enumerate(range(0, len(rows), shard_rows)):
        values = np.ascontiguousarray(rows[start : start + shard_rows])
        digest.update(values)
        shards.append(_write_shard(values, folder / f"{number:06}.npy"))
    sizes = folder.sizes()
    if any(sizes.get(shard.file) != shard.bytes for shard in shards):
        raise ShardError(f"{folder} does not have all shards as they were written; check the disk or the store")
    index = ShardIndex(rows.dtype.name, rows.shape, digest.hexdigest(), tuple(shards))
    (folder / INDEX).write(index.as_json())
    for other in sizes.keys() - {shard.file for shard in shards}:
        (folder / other).remove()


def _write_shard(values: npt.NDArray[Any], file: Address) -> Shard:
    written = BytesIO()
    np.save(written, values, allow_pickle=False)
    content = written.getvalue()
    digest = sha256_of_bytes(content)
    file.write(content)
    if file.local and sha256_of_bytes(file.read()) != digest:
        raise ShardError(f"{file} does not read back as it was written; check the disk")
    return Shard(file.name, len(values), len(content), digest)
