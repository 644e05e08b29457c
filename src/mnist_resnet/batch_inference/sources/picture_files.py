"""Pictures, a file each: this machine's opened one by one, those elsewhere fetched several at a time."""

import io
import os
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING

import numpy as np

from mnist_resnet.batch_inference.sources.chunks import Slice, SourceError
from mnist_resnet.batch_inference.sources.filesystems import LOCAL, is_of_file, shown_in
from mnist_resnet.batch_inference.sources.image_rows import Extract, RefusedRows, nothing
from mnist_resnet.prediction.pictures import Fit, PictureError, decode_picture
from mnist_resnet.terminal.printable_text import in_words

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

# No picture that Pillow decodes has to be larger: 89 million pixels of four bytes.
LARGEST_PICTURE_BYTES = 1 << 29
_FETCHED_AT_ONCE = 64
_FETCHED_BYTES = 1 << 26


def read_pictures(
    address: str,
    filesystem: "AbstractFileSystem",
    parts: Sequence[Slice],
    size: tuple[int, int],
    fit: Fit = "whole",
) -> Iterator[Extract]:
    """Read pictures as ``read_picture`` does.

    Args:
        address: See ``Chunk``.
        filesystem: Where they lie.
        parts: One for each picture.
        size: The model's (height, width).
        fit: See ``read_picture``.

    Yields:
        One extract for each picture, in their order.

    Raises:
        SourceError: If the pictures' folder, the disk or the network is not there.
    """
    if address == LOCAL:
        yield from (_read_local(part.path, size, fit) for part in parts)
        return
    for batch in _batches(parts):
        found = filesystem.cat([part.path for part in batch], on_error="return")
        for part in batch:
            yield _read_fetched(shown_in(address, filesystem, part.path), found[part.path], size, fit)


def _read_local(path: str, size: tuple[int, int], fit: Fit) -> Extract:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - names that are no valid text
            return _decode(file, size, fit)
    except OSError as error:
        if not is_of_file(error) or not _is_there(os.path.dirname(path)):  # noqa: PTH120
            raise SourceError(f"{path} cannot be read any more: {in_words(error)}") from error
        return nothing(size, RefusedRows(0, 1, in_words(error)))


def _is_there(folder: str) -> bool:
    """Whether a folder is on a disk that is there, and not only in what the system remembers of it."""
    try:
        with os.scandir(folder) as entries:
            next(entries, None)
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def _decode(file: IO[bytes], size: tuple[int, int], fit: Fit) -> Extract:
    try:
        image = decode_picture(file, size, fit=fit)
    except PictureError as error:
        return nothing(size, RefusedRows(0, 1, str(error)))
    return Extract(np.zeros(1, np.int64), image[np.newaxis], ())


def _batches(parts: Sequence[Slice]) -> Iterator[list[Slice]]:
    batch: list[Slice] = []
    filled = 0
    for part in parts:
        if batch and (len(batch) == _FETCHED_AT_ONCE or filled + part.size > _FETCHED_BYTES):
            yield batch
            batch, filled = [], 0
        batch.append(part)
        filled += part.size
    if batch:
        yield batch


def _read_fetched(shown: str, content: bytes | Exception, size: tuple[int, int], fit: Fit) -> Extract:
    if isinstance(content, Exception):
        if is_of_file(content):
            return nothing(size, RefusedRows(0, 1, in_words(content)))
        raise SourceError(f"{shown} cannot be read: {in_words(content)}") from content
    return _decode(io.BytesIO(content), size, fit)
