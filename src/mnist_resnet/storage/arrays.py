"""Arrays that may be larger than memory: mapped, picked from, compared and gone through part by part."""

import mmap
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

RawContent = bytes | memoryview

# Small beside any machine's memory, and large enough that going through an array part by part costs nothing.
_PART_BYTES = 1 << 20


def mapped(path: Path) -> RawContent:
    """The contents of a file, mapped into memory: read where and when they are looked at, never as a whole.

    The file may be replaced meanwhile, but not be written to or shortened.
    """
    with path.open("rb") as file:
        if path.stat().st_size == 0:  # which cannot be mapped
            return b""
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


class Rows(ABC):
    """Rows that look like an array, and are in memory only when and as far as they are asked for.

    Attributes:
        dtype: Of all values.
        shape: Of all rows together; the first extent is their number.
        digest: That of ``storage.digests.digest_of_array``, if it is known already.
    """

    digest: str | None = None

    def __init__(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        self.dtype, self.shape, self.ndim = dtype, shape, len(shape)

    @property
    def nbytes(self) -> int:
        """How many bytes the rows would take up together."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    @abstractmethod
    def __getitem__(self, chosen: Any) -> npt.NDArray[Any]: ...

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if copy is False:
            raise ValueError("the rows are picked from elsewhere, which copies them")
        return self[:].astype(dtype or self.dtype, copy=False)


class Selection(Rows):
    """Some rows of an array, such as the images of a split.

    Args:
        array: Of one dimension or more; may be memory-mapped.
        rows: int64 (rows,), which of them, in this order.
    """

    def __init__(self, array: npt.NDArray[Any], rows: npt.NDArray[np.int64]) -> None:
        super().__init__(array.dtype, (len(rows), *array.shape[1:]))
        self._array, self._rows = array, rows

    def __getitem__(self, chosen: Any) -> npt.NDArray[Any]:
        return np.asarray(self._array[self._rows[chosen]])


Array = npt.NDArray[Any] | Rows


def parts(array: Array) -> Iterator[npt.NDArray[Any]]:
    """An array's rows in their order, about a megabyte at a time.

    Args:
        array: Of any shape; one without dimensions is a single part, one without values none.
    """
    if array.ndim == 0:
        yield np.asarray(array)
        return
    rows = max(1, _PART_BYTES * len(array) // max(1, array.nbytes))
    for start in range(0, len(array) if array.nbytes else 0, rows):
        yield array[start : start + rows]


def same(one: Array, other: Array) -> bool:
    """Whether two arrays have the same shape and values, as ``numpy.array_equal`` says, but part by part."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    return all(np.array_equal(part, counterpart) for part, counterpart in zip(parts(one), parts(other), strict=True))
