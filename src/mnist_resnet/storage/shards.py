"""Rows of an array in files of equal numbers of rows, for arrays that fit neither memory nor a disk.

A folder has ``000000.npy``, ``000001.npy``, … and ``index.json``, which has the number of rows and the SHA-256 of each.
Without the index there are no shards; ``shard_writing`` writes it last.
"""

import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter, ValidationError

from mnist_resnet.errors import UserError
from mnist_resnet.storage.addresses import Address, AddressError
from mnist_resnet.storage.arrays import Rows
from mnist_resnet.storage.artifacts import sha256_of_bytes, sha256_of_path

INDEX = "index.json"
_SECONDS_BEFORE_RETRIES = (1.0, 5.0)
_REMEDY = "Make the shards again with `kedro run --pipelines data`, with the same --env, --params and --namespaces"
_FEW = 16  # rows of a shard that are read one by one, if it is not on this machine


class ShardError(UserError, RuntimeError):
    """A shard that is missing or damaged."""


@dataclass(frozen=True)
class Shard:
    """One file: its name, rows, size in bytes and SHA-256."""

    file: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class ShardIndex:
    """All shards of an array.

    Attributes:
        dtype: Of the values, such as ``uint8``.
        shape: Of all rows together.
        digest: That of the array; see ``digest_of_array``.
        shards: In the order of the rows.
    """

    dtype: str
    shape: tuple[int, ...]
    digest: str
    shards: tuple[Shard, ...]

    def as_json(self) -> bytes:
        """The text of ``index.json``, with a line for each shard."""
        values = asdict(self)
        lines = ",\n".join(f"  {json.dumps(shard)}" for shard in values.pop("shards"))
        return f'{json.dumps(values)[:-1]}, "shards": [\n{lines}\n]}}\n'.encode()


class Shards(Rows):
    """The rows of all shards of a folder, each shard read when it is asked for, and verified.

    The exception are a few rows of a shard on another machine, which are read alone.

    Args:
        folder: Of the shards.

    Attributes:
        counts: How many rows each shard has.

    Raises:
        ShardError: If there is no index that can be read.
    """

    def __init__(self, folder: Address) -> None:
        self.folder, self.index = folder, _read_index(folder)
        super().__init__(np.dtype(self.index.dtype), self.index.shape)
        self.digest = self.index.digest
        self.counts: Sequence[int] = [shard.rows for shard in self.index.shards]
        self._starts = np.cumsum([0, *self.counts])
        self._last: tuple[int, npt.NDArray[Any]] | None = None
        self._verified: set[int] = set()

    def read(self, number: int) -> npt.NDArray[Any]:
        """All rows of a shard.

        Raises:
            ShardError: If it is missing or damaged.
            AddressError: If it cannot be read, after some tries.
        """
        shard = self.index.shards[number]
        content = self._content(shard)
        self._verify(shard, sha256_of_bytes(content))
        values = np.frombuffer(content, self.dtype, offset=self._offset(shard))
        return values.reshape(shard.rows, *self.shape[1:])

    def part(self, number: int) -> slice:
        """The place of a shard's rows among all rows."""
        return slice(int(self._starts[number]), int(self._starts[number + 1]))

    def __getitem__(self, chosen: Any) -> npt.NDArray[Any]:
        if isinstance(chosen, slice):
            return self._picked(np.asarray(range(len(self))[chosen], np.int64), self._whole)
        rows = np.asarray(chosen)
        rows = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows.astype(np.int64)
        if rows.size and not -len(self) <= rows.min() <= rows.max() < len(self):
            raise IndexError(f"rows {rows.min()} to {rows.max()} of {len(self)}")
        picked = self._picked(np.atleast_1d(rows) % max(1, len(self)), self._some)
        return picked if rows.ndim else np.asarray(picked[0])

    def _picked(self, rows: npt.NDArray[np.int64], pick: Any) -> npt.NDArray[Any]:
        picked = np.empty((len(rows), *self.shape[1:]), self.dtype)
        shard_of = np.searchsorted(self._starts, rows, side="right") - 1
        for number in np.unique(shard_of):
            places = shard_of == number
            picked[places] = pick(int(number), rows[places] - self._starts[number])
        return picked

    def _whole(self, number: int, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Rows of a shard that is read as a whole, and kept for the next rows."""
        if self._last is None or self._last[0] != number:
            self._last = None  # before the next one is there
            self._last = number, self.read(number)
        return self._last[1][rows]

    def _some(self, number: int, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Rows of a shard of which, on another machine, no others are read if there are few."""
        shard = self.index.shards[number]
        file = self.folder / shard.file
        if file.local:
            if number not in self._verified:  # once, since all of it has to be read for that
                self._verify(shard, sha256_of_path(file.local))
                self._verified.add(number)
            return np.asarray(np.load(file.local, mmap_mode="r", allow_pickle=False)[rows])
        if len(rows) > _FEW:
            return self._whole(number, rows)
        size = self.nbytes // max(1, len(self))
        starts = [self._offset(shard) + int(row) * size for row in rows]
        content = b"".join(file.read(start, start + size) for start in starts)
        return np.frombuffer(content, self.dtype).reshape(len(rows), *self.shape[1:])

    def _verify(self, shard: Shard, sha256: str) -> None:
        if sha256 != shard.sha256:
            raise ShardError(f"{self.folder / shard.file} is damaged: its SHA-256 is not that of {INDEX}. {_REMEDY}")

    def _offset(self, shard: Shard) -> int:
        """Where the values begin, after numpy's header."""
        return shard.bytes - shard.rows * math.prod(self.shape[1:]) * self.dtype.itemsize

    def _content(self, shard: Shard) -> bytes:
        file = self.folder / shard.file
        try:
            for seconds in _SECONDS_BEFORE_RETRIES:
                try:
                    return file.read()
                except AddressError:
                    time.sleep(seconds)
            return file.read()
        except FileNotFoundError:
            raise ShardError(f"{file} is missing. {_REMEDY}") from None


def shards_digest(folder: Address) -> str | None:
    """The SHA-256 of the index, which has that of each shard; None if there is no index or a shard is not there.

    No shard is read for this; that is done where it is used.
    """
    try:
        content = (folder / INDEX).read()
        index = _read_index(folder, content)
    except (FileNotFoundError, ShardError):
        return None
    sizes = folder.sizes()
    whole = all(sizes.get(shard.file) == shard.bytes for shard in index.shards)
    return sha256_of_bytes(content) if whole else None


def _read_index(folder: Address, content: bytes | None = None) -> ShardIndex:
    try:
        return TypeAdapter(ShardIndex).validate_json((folder / INDEX).read() if content is None else content)
    except FileNotFoundError:
        raise ShardError(f"{folder / INDEX} does not exist. {_REMEDY}") from None
    except ValidationError:
        raise ShardError(f"{folder / INDEX} is damaged. {_REMEDY}") from None
