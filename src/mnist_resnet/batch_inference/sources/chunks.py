"""Chunks of a source of images: what one worker reads at a time, alone, and on any machine."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mnist_resnet.errors import UserError
from mnist_resnet.terminal.printable_text import printable


class SourceError(UserError, ValueError):
    """A source of images that cannot be read, or that has changed since it was listed.

    Args:
        message: Of any text; what names and files bring along is made printable.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


@dataclass(frozen=True)
class ArrayLayout:
    """How an IDX or NumPy file holds its images.

    Attributes:
        kind: The data type of a pixel, with its byte order, such as ``|u1`` or ``>i4``.
        start: Where the first pixel lies, in bytes; in a compressed file, once it is expanded.
        images: How many images the header declares.
        columns_first: Whether neighbours in the file belong to neighbouring images (NumPy's Fortran order).
        compressed: Whether the file is a gzip stream, which can only be read from its start.
    """

    kind: str
    start: int
    images: int
    columns_first: bool = False
    compressed: bool = False


@dataclass(frozen=True)
class ParquetLayout:
    """Which column of a Parquet file holds its images.

    Attributes:
        column: The name of the column.
        row_groups: How many rows each row group has.
    """

    column: str
    row_groups: tuple[int, ...]


class Slice(NamedTuple):
    """Images of one file that follow each other.

    Attributes:
        path: The file's path in the source's file system.
        first: The first image's place within the file, counted from 0.
        rows: How many images.
        layout: How the file holds them; None for a picture.
        mark: Size and date (or ETag) of an array or Parquet file when it was listed; empty for a picture.
        size: Of a picture's file, in bytes.
    """

    path: str
    first: int
    rows: int
    layout: ArrayLayout | ParquetLayout | None = None
    mark: str = ""
    size: int = 0


@dataclass(frozen=True)
class Chunk:
    """Images that one worker reads at a time; small, and to be pickled.

    Attributes:
        address: The source's address if its file system is not this machine's, else empty; may hold credentials.
        first_id: The row id of the first image; the others follow it.
        slices: Where the images lie, in their order.
    """

    address: str = field(repr=False)
    first_id: int
    slices: tuple[Slice, ...]

    @property
    def rows(self) -> int:
        """How many images the chunk should have."""
        return sum(each.rows for each in self.slices)


@dataclass(frozen=True)
class Refusal:
    """Images that cannot be classified: almost always one, or the end of a file that is missing.

    Attributes:
        row_id: The row id of the first of them; None if it is not known how many images the file has.
        path: The file, as people read it: absolute, or an address without credentials, always valid Unicode.
        row: The first one's place within the file, counted from 0; None if the file as a whole is meant.
        reason: Why, in one line.
        rows: How many row ids are taken up; 0 if ``row_id`` is None.
    """

    row_id: int | None
    path: str
    row: int | None
    reason: str
    rows: int = 1


@dataclass(frozen=True)
class SourcePlan:
    """A source, listed once and cut into chunks; the same each time as long as the source is the same.

    Each row id from 0 to ``rows`` − 1 is in exactly one chunk or one of ``refusals``.

    Attributes:
        chunks: In the order of their row ids.
        refusals: What the listing alone shows, such as arrays of another shape.
        passed_over: Files that hold no images by their nature: hidden ones, texts, labels.
        rows: How many row ids there are.
        digest: A SHA-256 of the files' names, sizes and dates (or ETags), and of how they were cut.
    """

    chunks: tuple[Chunk, ...]
    refusals: tuple[Refusal, ...]
    passed_over: tuple[str, ...]
    rows: int
    digest: str


@dataclass(frozen=True)
class ChunkImages:
    """The images of a chunk. Each of its row ids is in ``row_ids`` or in one of ``refusals``.

    Attributes:
        row_ids: int64 (n,), ascending.
        images: uint8 (n, height, width), 0 is black.
        paths: The file of each image, as in ``Refusal``.
        rows: int64 (n,), each image's place within its file, counted from 0.
        refusals: What could not be read.
    """

    row_ids: npt.NDArray[np.int64]
    images: npt.NDArray[np.uint8]
    paths: tuple[str, ...]
    rows: npt.NDArray[np.int64]
    refusals: tuple[Refusal, ...]


def cut(address: str, files: Iterable[tuple[int, Slice]], most: int) -> Iterator[Chunk]:
    """Cut files into chunks: as few as there can be, none across a gap in the row ids.

    Args:
        address: See ``Chunk``.
        files: The row id of a file's first image and all that can be read of the file, in the order of the ids.
        most: The most images of a chunk, at least 1.
    """
    slices: list[Slice] = []
    first = filled = 0
    for row_id, file in files:
        done = 0
        if slices and row_id != first + filled:
            yield Chunk(address, first, tuple(slices))
            slices, filled = [], 0
        while done < file.rows:
            if not slices:
                first = row_id + done
            taken = min(most - filled, file.rows - done)
            slices.append(file if taken == file.rows else file._replace(first=file.first + done, rows=taken))
            done, filled = done + taken, filled + taken
            if filled == most:
                yield Chunk(address, first, tuple(slices))
                slices, filled = [], 0
    if slices:
        yield Chunk(address, first, tuple(slices))
