"""Columns that hold images: pictures as bytes, or pixels as lists and tensors."""

import io
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mnist_resnet.batch_inference.sources.image_rows import (
    Extract,
    RefusedRows,
    grey_images,
    joined,
    nothing,
    shape_fault,
)
from mnist_resnet.batch_inference.sources.inspection import Fault
from mnist_resnet.prediction.pictures import Fit, PictureError, decode_picture

if TYPE_CHECKING:
    import pyarrow as pa

_USUAL_NAMES = frozenset({"image", "images", "img", "picture", "pixels"})


def choose_column(schema: "pa.Schema", size: tuple[int, int], column: str | None, images: int) -> str:
    """The column that holds the images.

    Pictures come before pixels, and of several columns the one with a usual name, such as ``image``.

    Args:
        schema: Of the file.
        size: The model's (height, width).
        column: The one that was asked for; None: found by its type.
        images: How many rows there are, for the message.

    Raises:
        Fault: If there is no such column, or several could be meant.
    """
    names = ", ".join(schema.names)
    if column is not None:
        if schema.names.count(column) != 1:
            raise Fault(f"--column: received '{column}', but the columns are: {names}", images)
        if not (_holds_pictures(schema.field(column).type) or _holds_pixels(schema.field(column).type, None)):
            raise Fault(f"--column: received '{column}', a column of {schema.field(column).type}, no images", images)
        return column
    found = [field.name for field in schema if _holds_pictures(field.type)]
    found = found or [field.name for field in schema if _holds_pixels(field.type, size)]
    if len(found) > 1:
        found = [name for name in found if name.lower() in _USUAL_NAMES] or found
    if not found:
        raise Fault(f"no column holds pictures, or pixels of {size[0]}×{size[1]}; the columns are: {names}", images)
    if len(found) > 1:
        raise Fault(f"several columns may hold the images: {', '.join(found)}; name one with --column", images)
    return str(found[0])


def images_of(first: int, column: "pa.Array", size: tuple[int, int], fit: Fit = "whole") -> Extract:
    """The images of some rows.

    Args:
        first: The first row's place within the file.
        column: Of a type that ``choose_column`` takes.
        size: The model's (height, width).
        fit: How pictures are fitted; see ``read_picture``.
    """
    column = _plain(column)
    if _holds_pictures(column.type):
        return _decoded(first, column, size, fit)
    values = _dense(column)
    if values is not None:
        return _fitting(first, values, size)
    if len(column) == 1:
        reason = "no image (null)" if column.null_count else "pixels are missing (null), or rows of unequal lengths"
        return nothing(size, RefusedRows(first, 1, reason))
    return joined([images_of(first + place, column.slice(place, 1), size, fit) for place in range(len(column))], size)


def _holds_pictures(kind: "pa.DataType") -> bool:
    import pyarrow.types as kinds

    kind = _stored(kind)
    if kinds.is_struct(kind):
        place = kind.get_field_index("bytes")
        return place >= 0 and _holds_pictures(kind.field(place).type)
    return bool(kinds.is_binary(kind) or kinds.is_large_binary(kind) or kinds.is_binary_view(kind))


def _holds_pixels(kind: "pa.DataType", size: tuple[int, int] | None) -> bool:
    """Whether a type is one of nested lists of numbers; those of a fixed length have to fit the size."""
    import pyarrow.types as kinds

    kind, lengths = _stored(kind), []
    if kinds.is_fixed_size_binary(kind):
        return size is None or kind.byte_width == math.prod(size)
    while _is_list(kind):
        lengths.append(kind.list_size if kinds.is_fixed_size_list(kind) else None)
        kind = _stored(kind.value_type)
    number = kinds.is_integer(kind) or (kinds.is_floating(kind) and (size is None or len(lengths) > 1))
    fixed = [length for length in lengths if length is not None]
    fitting = size is None or len(fixed) < len(lengths) or math.prod(fixed) == math.prod(size)
    return bool(lengths) and number and fitting


def _stored(kind: "pa.DataType") -> "pa.DataType":
    """A type without the name that an extension gives it, and without the dictionary that saves space."""
    import pyarrow as pa
    import pyarrow.types as kinds

    if isinstance(kind, pa.BaseExtensionType):
        return _stored(kind.storage_type)
    return _stored(kind.value_type) if kinds.is_dictionary(kind) else kind


def _is_list(kind: "pa.DataType") -> bool:
    import pyarrow.types as kinds

    return bool(kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind))


def _plain(column: "pa.Array") -> "pa.Array":
    """Values of the type that ``_stored`` says."""
    import pyarrow as pa
    import pyarrow.types as kinds

    if isinstance(column.type, pa.BaseExtensionType):
        return _plain(column.storage)
    return _plain(column.dictionary_decode()) if kinds.is_dictionary(column.type) else column


def _decoded(first: int, column: "pa.Array", size: tuple[int, int], fit: Fit) -> Extract:
    import pyarrow.compute as compute
    import pyarrow.types as kinds

    missing = "no image (null)"
    while kinds.is_struct(column.type):
        column, missing = _plain(compute.struct_field(column, "bytes")), "no image: its bytes are null"
    rows: list[int] = []
    images: list[npt.NDArray[np.uint8]] = []
    refused: list[RefusedRows] = []
    for row, value in enumerate(column, start=first):
        if not value.is_valid:
            refused.append(RefusedRows(row, 1, missing))
            continue
        try:
            images.append(decode_picture(io.BytesIO(value.as_buffer()), size, fit=fit))
            rows.append(row)
        except PictureError as error:
            refused.append(RefusedRows(row, 1, str(error)))
    stacked = np.stack(images) if images else np.empty((0, *size), np.uint8)
    return Extract(np.array(rows, np.int64), stacked, tuple(refused))


def _dense(column: "pa.Array") -> npt.NDArray[Any] | None:
    """Nested lists as one array; None if there are nulls, or lists of unequal lengths."""
    import pyarrow.compute as compute
    import pyarrow.types as kinds

    shape = [len(column)]
    if kinds.is_fixed_size_binary(column.type) and not column.null_count:
        content = b"".join(column.to_pylist())
        return np.frombuffer(content, np.uint8).reshape(len(column), column.type.byte_width)
    while _is_list(column.type):
        lengths = compute.unique(compute.list_value_length(column)).to_pylist()
        if column.null_count or len(lengths) != 1:
            return None
        shape.append(lengths[0])
        column = _plain(column.flatten())
    if column.null_count:
        return None
    values: npt.NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return values.reshape(shape)


def _fitting(first: int, values: npt.NDArray[Any], size: tuple[int, int]) -> Extract:
    flat = values.shape[1:] == (math.prod(size),)
    fault = None if flat else shape_fault(values.shape[1:], size)
    if fault:
        return nothing(size, *(RefusedRows(first + place, 1, fault) for place in range(len(values))))
    return grey_images(first, values.reshape(-1, *size))
