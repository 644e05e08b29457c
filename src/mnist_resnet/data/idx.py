"""The IDX format of the MNIST files: parse, encode, decompress within bounds.

A file is a magic number (two zero bytes, a type code, the number of dimensions), each dimension as
a big-endian 32-bit integer, then the values in C order. Only unsigned bytes (type 0x08) occur here.
"""

import math
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from mnist_resnet.arrays import Content, parts
from mnist_resnet.errors import UserError

_UNSIGNED_BYTE = 0x08
_GZIP_MAGIC = b"\x1f\x8b"

UInt8Array = npt.NDArray[np.uint8]


class IdxError(UserError, ValueError):
    """Bytes that are not a whole IDX file of the expected shape."""


def parse(content: Content) -> UInt8Array:
    """Read an IDX file of unsigned bytes.

    Args:
        content: The uncompressed file; may be mapped into memory.

    Returns:
        A read-only uint8 array that shares memory with ``content``: (images, height, width) for an
        image file, (images,) for a label file.

    Raises:
        IdxError: If the magic number is wrong or the length does not fit the header.
    """
    shape = _shape(content)
    start = 4 + 4 * len(shape)
    expected = start + math.prod(shape)
    if len(content) != expected:
        raise IdxError(f"the header promises {expected} bytes for shape {shape}, but there are {len(content)}")
    try:
        return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
    except ValueError:  # an empty array whose other dimensions are beyond numpy's range
        raise IdxError(f"the header promises an impossible shape, {shape}") from None


def _shape(content: Content) -> tuple[int, ...]:
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != _UNSIGNED_BYTE or content[3] not in (1, 3):
        raise IdxError(
            f"wrong magic number {content[:4].hex() or '(empty)'}: expected 00000801 (labels) or 00000803 (images)"
        )
    dimensions = content[3]
    if len(content) < 4 + 4 * dimensions:
        raise IdxError(f"truncated within the header, after {len(content)} bytes")
    return struct.unpack_from(f">{dimensions}I", content, offset=4)


def encode(array: UInt8Array) -> bytes:
    """Write a uint8 array of one or three dimensions as an IDX file; the inverse of :func:`parse`."""
    return b"".join(encoded(array))


def encoded(array: UInt8Array) -> Iterator[bytes]:
    """The same file piece by piece, for arrays that are too large to be held twice.

    Raises:
        IdxError: Before the first piece, if the array is of another type or number of dimensions.
    """
    if array.dtype != np.uint8 or array.ndim not in (1, 3):
        raise IdxError(f"expected a uint8 array of 1 or 3 dimensions, received {array.dtype} of {array.ndim}")
    yield struct.pack(f">BBBB{array.ndim}I", 0, 0, _UNSIGNED_BYTE, array.ndim, *array.shape)
    yield from (part.tobytes() for part in parts(array))


def decompress(content: Content, size: int) -> Content:
    """Undo gzip compression if ``content`` has it.

    Args:
        content: A gzip file, or bytes that are returned as they are.
        size: The uncompressed size in bytes that is expected; no more than that is ever expanded.

    Raises:
        IdxError: If the gzip stream is damaged, truncated or expands to another size.
    """
    if content[:2] == _GZIP_MAGIC:
        content = _gunzip(content, size)
    if len(content) != size:
        raise IdxError(f"expected {size} uncompressed bytes, received {len(content)}")
    return content


def _gunzip(content: Content, size: int) -> bytes:
    stream = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        expanded = stream.decompress(content, size + 1)
    except zlib.error as error:
        raise IdxError(f"damaged gzip stream: {error}") from None
    if len(expanded) > size:
        raise IdxError(f"the gzip stream expands to more than the expected {size} bytes")
    if not stream.eof:
        raise IdxError(f"truncated gzip stream: it ends after {len(expanded)} of {size} bytes")
    return expanded
