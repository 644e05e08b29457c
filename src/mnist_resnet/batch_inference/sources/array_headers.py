"""The headers of IDX and NumPy files: how many images there are, of which type, and where they start."""

import io
import math
import threading
import tokenize
import warnings
from typing import Any

import numpy as np
from numpy.lib import format as numpy_format

from mnist_resnet.batch_inference.sources.chunks import ArrayLayout
from mnist_resnet.batch_inference.sources.image_rows import MOST_IMAGES, shape_fault
from mnist_resnet.batch_inference.sources.inspection import Fault, Inspection, WithoutImagesError
from mnist_resnet.batch_inference.sources.streams import GzipStream
from mnist_resnet.data import idx
from mnist_resnet.terminal.redaction import in_one_line

# No header of NumPy's is longer than numpy itself would read.
HEAD_BYTES = 16_384
# What is ignored by one thread is by all: they take turns.
_ONE_THREAD = threading.Lock()
# What deflate makes of a byte at most, by its format.
_MOST_EXPANSION = 1_032


def inspect_array(start: bytes, file_size: int, size: tuple[int, int]) -> Inspection:
    """What an IDX or NumPy file holds, by its header.

    Args:
        start: The first ``HEAD_BYTES`` of the file, or all of it.
        file_size: In bytes.
        size: The model's (height, width).

    Raises:
        Fault: If the header cannot be understood, or its images do not fit the model.
        WithoutImagesError: If it holds a list of labels.
    """
    compressed, start = start.startswith(idx.GZIP_MAGIC), expanded_start(start)
    kind, shape, columns_first, offset = _header(start)
    images = _count(shape, size)
    _require_numbers(kind, images)
    image_bytes = kind.itemsize * math.prod(size)
    there = (file_size * _MOST_EXPANSION if compressed else file_size) - offset
    readable = min(images, max(0, there) // image_bytes)
    layout = ArrayLayout(kind.str, offset, images, columns_first, compressed)
    expected, fault = images * image_bytes, ""
    if there < expected:
        readable = 0 if columns_first else readable
        fault = f"the header declares {images:,} images, but the file ends within image {readable:,} (counted from 0)"
    elif there > expected and not compressed:
        fault = f"the file is {there - expected:,} bytes longer than its header declares"
    return Inspection(layout, images, readable, fault)


def expanded_start(start: bytes) -> bytes:
    """The first bytes of a file, expanded if they are those of a gzip stream.

    Raises:
        Fault: If they cannot be.
    """
    if not start.startswith(idx.GZIP_MAGIC):
        return start
    stream = GzipStream(io.BytesIO(start))
    expanded = stream.read(HEAD_BYTES)
    if not expanded:
        raise Fault(stream.fault or "an empty gzip stream")
    return expanded


def _header(start: bytes) -> tuple[np.dtype[Any], tuple[int, ...], bool, int]:
    """Data type, shape, whether in Fortran order, and where the values start."""
    if not start.startswith(numpy_format.MAGIC_PREFIX):
        try:
            kind, shape = idx.header(start)
        except idx.IdxError as error:
            raise Fault(f"neither an IDX nor a NumPy file; as IDX: {error}") from error
        return kind, shape, False, 4 + 4 * len(shape)
    stream = io.BytesIO(start)
    try:
        with _ONE_THREAD, warnings.catch_warnings(action="ignore"):  # of files that Python 2 wrote
            shape, columns_first, kind = _READERS[numpy_format.read_magic(stream)](stream)
    except KeyError:
        raise Fault("NumPy's format in a version that holds no plain numbers") from None
    except (ValueError, TypeError, SyntaxError, tokenize.TokenError, RecursionError, MemoryError) as error:
        raise Fault(f"a damaged NumPy header: {in_one_line(error)}") from error
    return kind, shape, columns_first and len(shape) > 1, stream.tell()


_READERS = {(1, 0): numpy_format.read_array_header_1_0, (2, 0): numpy_format.read_array_header_2_0}


def _count(shape: tuple[int, ...], size: tuple[int, int]) -> int:
    if len(shape) == 1:
        raise WithoutImagesError("one dimension, as labels have; images have three")
    if shape[1:] and shape_fault(shape[1:], size) is None:
        images = shape[0]
    elif shape in {size, (*size, 1)}:
        images = 1
    else:
        return _refuse_shape(shape, size)
    if not 0 <= images <= MOST_IMAGES:
        raise Fault(f"an impossible shape, {shape}")
    return images


def _refuse_shape(shape: tuple[int, ...], size: tuple[int, int]) -> int:
    images = shape[0] if len(shape) > 2 and 0 <= shape[0] <= MOST_IMAGES else None
    if images is None:
        raise Fault(f"an array of shape {shape}; images have (images, {size[0]}, {size[1]})")
    raise Fault(str(shape_fault(shape[1:], size)), images)


def _require_numbers(kind: np.dtype[Any], images: int) -> None:
    if kind.hasobject:
        raise Fault("Python objects, which are never loaded; store the images as uint8", images)
    if kind.kind not in "uif":
        raise Fault(f"values of type {kind}; store the images as uint8", images)
