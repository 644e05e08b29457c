"""The IDX format of the MNIST files: parse, encode, decompress within bounds.

A file is a magic number (two zero bytes, a type code, the number of dimensions), each dimension as
a big-endian 32-bit integer, then the values in C order, big-endian too.
"""

import gzip
import io
import math
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_resnet.errors import UserError
from mnist_resnet.storage.arrays import RawContent, parts

# By the type code: unsigned and signed bytes, 16 and 32 bits, 32-bit and 64-bit floating point.
_TYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype("u1"),
    0x09: np.dtype("i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
_CODES = {kind: code for code, kind in _TYPES.items()}
_MOST_DIMENSIONS = 4
GZIP_MAGIC = b"\x1f\x8b"

UInt8Array = npt.NDArray[np.uint8]
IdxArray = npt.NDArray[Any]


class IdxError(UserError, ValueError):
    """Bytes that are not a whole IDX file."""


def parse(content: RawContent) -> IdxArray:
    """Read an IDX file.

    Args:
        content: The uncompressed file; may be mapped into memory.

    Returns:
        A read-only array of the file's own type and shape that shares memory with ``content``, such as uint8
        (images, height, width) or (images,).

    Raises:
        IdxError: If the magic number is wrong or the length does not fit the header.
    """
    kind, shape = header(content)
    start = 4 + 4 * len(shape)
    expected = start + kind.itemsize * math.prod(shape)
    if len(content) != expected:
        raise IdxError(f"the header declares {expected} bytes for shape {shape}, but there are {len(content)}")
    try:
        return np.frombuffer(content, kind, offset=start).reshape(shape)
    except ValueError:  # an empty array whose other dimensions are beyond numpy's range
        raise IdxError(f"the header declares an impossible shape, {shape}") from None


def is_idx(start: RawContent) -> bool:
    """Whether a file begins with a magic number of IDX.

    Args:
        start: At least its first 4 bytes if it has as many; uncompressed.
    """
    known = len(start) >= 4 and start[:2] == b"\0\0" and start[2] in _TYPES
    return known and 1 <= start[3] <= _MOST_DIMENSIONS


def header(content: RawContent) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """The data type and the shape that an IDX file declares.

    Args:
        content: The uncompressed file, or its first 20 bytes.

    Raises:
        IdxError: If the magic number is wrong, or the header is not whole.
    """
    if not is_idx(content):
        raise IdxError(
            f"wrong magic number {content[:4].hex() or '(empty)'}: expected 00000801 (labels) or 00000803 (images), or "
            f"a type of 09, 0b, 0c, 0d or 0e instead of 08"
        )
    dimensions = content[3]
    if len(content) < 4 + 4 * dimensions:
        raise IdxError(f"truncated within the header, after {len(content)} bytes")
    return _TYPES[content[2]], struct.unpack_from(f">{dimensions}I", content, offset=4)


def encode(array: IdxArray) -> bytes:
    """Write an array as an IDX file; the inverse of :func:`parse`."""
    return b"".join(encoded(array))


def encoded(array: IdxArray) -> Iterator[bytes]:
    """The same file piece by piece, for arrays that are too large to be held twice.

    Raises:
        IdxError: Before the first piece, if IDX has no such type or number of dimensions.
    """
    kind = array.dtype.newbyteorder(">")
    if kind not in _CODES or not 1 <= array.ndim <= _MOST_DIMENSIONS:
        raise IdxError(
            f"expected an array of 1 to {_MOST_DIMENSIONS} dimensions and a type of IDX, "
            f"received {array.dtype} of {array.ndim}"
        )
    yield struct.pack(f">BBBB{array.ndim}I", 0, 0, _CODES[kind], array.ndim, *array.shape)
    yield from (part.astype(kind, copy=False).tobytes() for part in parts(array))


def decompress(content: RawContent, size: int) -> RawContent:
    """Undo gzip compression if ``content`` has it, whatever the file is called.

    Args:
        content: A gzip file, or bytes that are returned as they are.
        size: The uncompressed size in bytes that is expected; no more than that is ever expanded.

    Raises:
        IdxError: If the gzip stream is damaged, truncated or expands to another size.
    """
    if content[:2] == GZIP_MAGIC:
        content = _gunzip(content, size)
    if len(content) != size:
        raise IdxError(f"expected {size} uncompressed bytes, received {len(content)}")
    return content


def _gunzip(content: RawContent, size: int) -> bytes:
    """Expand all members of a gzip file (RFC 1952, section 2.2): ``bgzip`` and ``cat`` make several."""
    pieces, found = list[bytes](), 0
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
            while found <= size and (piece := stream.read1(size + 1 - found)):
                pieces.append(piece)
                found += len(piece)
    except EOFError:
        raise IdxError(f"truncated gzip stream: it ends after {found} of {size} bytes") from None
    except (zlib.error, gzip.BadGzipFile) as error:
        raise IdxError(f"damaged gzip stream: {error}") from None
    if found > size:
        raise IdxError(f"the gzip stream expands to more than the expected {size} bytes")
    return b"".join(pieces)
