"""Images in Parquet files, read row group by row group; pyarrow comes with MLflow."""

from collections.abc import Iterator
from itertools import accumulate
from typing import IO, TYPE_CHECKING, Any

from mnist_resnet.batch_inference.sources.chunks import ParquetLayout, Slice
from mnist_resnet.batch_inference.sources.columns import choose_column, images_of
from mnist_resnet.batch_inference.sources.filesystems import reading_failed
from mnist_resnet.batch_inference.sources.image_rows import MOST_IMAGES, Extract, RefusedRows, joined, nothing
from mnist_resnet.batch_inference.sources.inspection import Fault, Inspection
from mnist_resnet.batch_inference.sources.streams import opened_once
from mnist_resnet.prediction.pictures import Fit
from mnist_resnet.terminal.redaction import in_one_line

if TYPE_CHECKING:
    import pyarrow as pa
    from fsspec import AbstractFileSystem
    from pyarrow.parquet import ParquetFile

# Decoded at a time; what a row group holds beyond that stays in the file.
_ROWS_AT_A_TIME = 256
_BUFFER_BYTES = 1 << 20


def inspect_parquet(file: IO[bytes], size: tuple[int, int], column: str | None) -> Inspection:
    """What a Parquet file holds, by its footer.

    Args:
        file: The file, which can be sought in.
        size: The model's (height, width).
        column: The column that was asked for; None: found by its type.

    Raises:
        Fault: If the footer is damaged, or no column can hold images of this size.
        OSError: If the file cannot be read.
    """
    import pyarrow as pa

    try:
        opened = _open(file)
        metadata, schema = opened.metadata, opened.schema_arrow
        groups = tuple(metadata.row_group(number).num_rows for number in range(metadata.num_row_groups))
    except (pa.ArrowException, OSError, ValueError) as error:
        if reading_failed(error):
            raise
        raise Fault(f"not a whole Parquet file: {in_one_line(error)}") from error
    images = sum(groups)
    if min(groups, default=0) < 0 or images > MOST_IMAGES:
        raise Fault("a damaged Parquet footer: an impossible number of rows")
    return Inspection(ParquetLayout(choose_column(schema, size, column, images), groups), images, images)


def read_parquet(filesystem: "AbstractFileSystem", part: Slice, size: tuple[int, int], fit: Fit = "whole") -> Extract:
    """Read images of a Parquet file; the pictures in it are read as ``read_picture`` reads them.

    Raises:
        OSError: If the file cannot be read.
    """
    layout = part.layout
    assert isinstance(layout, ParquetLayout)

    def reopen() -> _Rows:
        return _Rows(filesystem.open(part.path, "rb"), layout)

    rows = opened_once((filesystem, part.path, part.mark, layout.column), reopen, lambda _: True)
    extracts = [
        nothing(size, found) if isinstance(found, RefusedRows) else images_of(*found, size, fit)
        for found in rows.between(part.first, part.first + part.rows)
    ]
    return joined(extracts, size)


def _open(file: IO[bytes]) -> "ParquetFile":
    from pyarrow.parquet import ParquetFile

    return ParquetFile(file, buffer_size=_BUFFER_BYTES, page_checksum_verification=True)


class _Rows:
    """The rows of a column, read in their order: each row group once, as long as nobody goes back."""

    def __init__(self, file: IO[bytes], layout: ParquetLayout) -> None:
        self._file, self._layout = file, layout
        self._ends = list(accumulate(layout.row_groups))
        self._group: int | None = None
        self._position = 0
        self._left: pa.Array | None = None
        self._batches: Iterator[Any] = iter(())
        self._parquet: ParquetFile | None = None

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def between(self, first: int, end: int) -> "Iterator[tuple[int, pa.Array] | RefusedRows]":
        """The rows from ``first`` to ``end`` − 1 in pieces, each with the number of its first row."""
        for group, (rows, group_end) in enumerate(zip(self._layout.row_groups, self._ends, strict=True)):
            start = group_end - rows
            if first < group_end and start < end:
                yield from self._of_group(group, start, max(first, start), min(end, group_end))

    def _of_group(self, group: int, start: int, first: int, end: int) -> "Iterator[tuple[int, pa.Array] | RefusedRows]":
        import pyarrow as pa

        if self._group != group or self._position > first:
            self._start(group, start, _ROWS_AT_A_TIME)
        alone = False
        while self._position < end:
            try:
                piece = self._next(first, end)
            except (pa.ArrowException, OSError, ValueError) as error:
                if reading_failed(error):
                    self._group = None
                    raise
                first = max(first, self._position)
                if not alone:  # once more, row by row, for those before the damaged place
                    alone = True
                    self._start(group, start, 1)
                    continue
                self._group = None
                yield RefusedRows(first, end - first, f"a damaged row group: {in_one_line(error)}")
                return
            if len(piece):
                yield self._position - len(piece), piece

    def _start(self, group: int, start: int, rows: int) -> None:
        self._parquet = self._parquet or _open(self._file)
        self._group, self._position, self._left = group, start, None
        self._batches = self._parquet.iter_batches(rows, row_groups=[group], columns=[self._layout.column])

    def _next(self, first: int, end: int) -> "pa.Array":
        """The next rows that are asked for; none if those that were read come before."""
        if self._left is None or not len(self._left):
            batch = next(self._batches, None)
            if batch is None:
                raise ValueError("it ends before the footer says")
            self._left = batch.column(0)
        skipped = min(len(self._left), max(0, first - self._position))
        taken = min(len(self._left) - skipped, end - self._position - skipped)
        piece = self._left.slice(skipped, taken)
        self._left = self._left.slice(skipped + taken)
        self._position += skipped + taken
        return piece
