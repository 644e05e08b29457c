"""Images in IDX and NumPy files, read by byte ranges; gzip streams from their start."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mnist_resnet.batch_inference.sources.chunks import ArrayLayout, Slice
from mnist_resnet.batch_inference.sources.image_rows import Extract, RefusedRows, grey_images, joined, nothing
from mnist_resnet.batch_inference.sources.streams import GzipStream, opened_once

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


def read_array(filesystem: "AbstractFileSystem", part: Slice, size: tuple[int, int]) -> Extract:
    """Read images of an IDX or NumPy file.

    Raises:
        OSError: If the file cannot be read.
    """
    layout = part.layout
    assert isinstance(layout, ArrayLayout)
    kind, image_bytes = np.dtype(layout.kind), np.dtype(layout.kind).itemsize * math.prod(size)
    if layout.compressed:
        return _read_compressed(filesystem, part, layout, size)
    if layout.columns_first:
        return grey_images(part.first, _read_columns(filesystem, part, layout, size))
    start = layout.start + part.first * image_bytes
    content = _range(filesystem, part.path, start, part.rows * image_bytes)
    return _images(part, content, kind, size, "the file has become shorter")


def _images(part: Slice, content: bytes, kind: np.dtype[Any], size: tuple[int, int], fault: str) -> Extract:
    image_bytes = kind.itemsize * math.prod(size)
    there = len(content) // image_bytes
    values = np.frombuffer(content, kind, there * math.prod(size)).reshape(there, *size)
    read = grey_images(part.first, values)
    if there == part.rows:
        return read
    return joined([read, nothing(size, RefusedRows(part.first + there, part.rows - there, fault))], size)


def _range(filesystem: "AbstractFileSystem", path: str, start: int, length: int) -> bytes:
    content: bytes = filesystem.cat_file(path, start=start, end=start + length)
    return content if len(content) <= length else content[start : start + length]  # from servers without ranges


def _read_columns(
    filesystem: "AbstractFileSystem", part: Slice, layout: ArrayLayout, size: tuple[int, int]
) -> npt.NDArray[Any]:
    """The images of a file whose neighbours are pixels of neighbouring images: a range for each pixel."""
    kind, pixels = np.dtype(layout.kind), math.prod(size)
    starts = [layout.start + (pixel * layout.images + part.first) * kind.itemsize for pixel in range(pixels)]
    ends = [start + part.rows * kind.itemsize for start in starts]
    found = filesystem.cat_ranges([part.path] * pixels, starts, ends, on_error="raise")
    columns = np.frombuffer(b"".join(found), kind).reshape(size[1], size[0], part.rows)
    return columns.transpose(2, 1, 0)


def _read_compressed(
    filesystem: "AbstractFileSystem", part: Slice, layout: ArrayLayout, size: tuple[int, int]
) -> Extract:
    kind, image_bytes = np.dtype(layout.kind), np.dtype(layout.kind).itemsize * math.prod(size)
    start = layout.start + part.first * image_bytes

    def reopen() -> GzipStream:
        return GzipStream(filesystem.open(part.path, "rb"))

    stream = opened_once((filesystem, part.path, part.mark), reopen, lambda stream: stream.position <= start)
    stream.skip_to(start)
    content = stream.read(part.rows * image_bytes) if stream.position == start else b""
    read = _images(part, content, kind, size, stream.fault or "the gzip stream ends before its header says")
    if part.first + part.rows < layout.images or len(content) < part.rows * image_bytes:
        return read
    return joined([read, nothing(size, *_faults_at_end(stream))], size)


def _faults_at_end(stream: GzipStream) -> list[RefusedRows]:
    """What the checksum behind the last image says."""
    if stream.read(1):
        return [RefusedRows(None, 0, "the file is longer than its header declares")]
    if stream.fault:
        return [RefusedRows(None, 0, f"{stream.fault}; which of its images are damaged cannot be told")]
    return []
