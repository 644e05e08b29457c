"""The reading of a chunk: its images, and what had to be refused."""

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from mnist_resnet.batch_inference.sources.array_files import read_array
from mnist_resnet.batch_inference.sources.chunks import ArrayLayout, Chunk, ChunkImages, Refusal, Slice, SourceError
from mnist_resnet.batch_inference.sources.filesystems import current_mark, is_of_file, open_filesystem, shown_in
from mnist_resnet.batch_inference.sources.image_rows import Extract, RefusedRows, nothing
from mnist_resnet.batch_inference.sources.parquet_files import read_parquet
from mnist_resnet.batch_inference.sources.picture_files import read_pictures
from mnist_resnet.prediction.pictures import Fit
from mnist_resnet.terminal.printable_text import as_reason, in_words

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


def read_chunk(chunk: Chunk, size: tuple[int, int], invert: bool = False, fit: Fit = "whole") -> ChunkImages:
    """Read the images of a chunk.

    Chunks of a file that is a gzip stream or has large Parquet row groups are read fastest in their order by the same
    thread, which then reads the file only once.

    Args:
        chunk: One of a ``SourcePlan``.
        size: The (height, width) that it was planned for.
        invert: Swap dark and bright.
        fit: How pictures are fitted, see ``read_picture``; arrays have the model's size already. ``digit`` finds dark
            and bright ink by itself, so that nothing is to be inverted.

    Raises:
        SourceError: If an array or Parquet file has changed since it was listed, or the file system is not there.
    """
    _, filesystem, _ = open_filesystem(chunk.address)
    extracts = list(_extracts(chunk, filesystem, size, fit))
    ids, paths, refusals, first_id = list[np.ndarray](), list[str](), list[Refusal](), chunk.first_id
    for part, extract in zip(chunk.slices, extracts, strict=True):
        shown = shown_in(chunk.address, filesystem, part.path)
        offset = first_id - part.first
        ids.append(extract.rows + offset)
        paths += [shown] * len(extract.rows)
        refusals += [
            Refusal(None if row is None else row + offset, shown, row, as_reason(reason), rows)
            for row, rows, reason in extract.refused
        ]
        first_id += part.rows
    images = extracts[0].images if len(extracts) == 1 else np.concatenate([each.images for each in extracts])
    return ChunkImages(
        np.concatenate(ids),
        np.subtract(255, images, dtype=np.uint8) if invert else images,
        tuple(paths),
        np.concatenate([each.rows for each in extracts]),
        tuple(refusals),
    )


def _extracts(chunk: Chunk, filesystem: "AbstractFileSystem", size: tuple[int, int], fit: Fit) -> Iterator[Extract]:
    for pictures, parts in groupby(chunk.slices, key=lambda part: part.layout is None):
        if pictures:
            yield from read_pictures(chunk.address, filesystem, list(parts), size, fit)
        else:
            yield from (_extract(chunk.address, filesystem, part, size, fit) for part in parts)


def _extract(address: str, filesystem: "AbstractFileSystem", part: Slice, size: tuple[int, int], fit: Fit) -> Extract:
    shown = shown_in(address, filesystem, part.path)
    try:
        if current_mark(address, filesystem, part.path) != part.mark:
            raise SourceError(f"{shown} has changed since it was listed; type the command again")
        if isinstance(part.layout, ArrayLayout):
            return read_array(filesystem, part, size)
        return read_parquet(filesystem, part, size, fit)
    except SourceError:
        raise
    except Exception as error:  # of any file system's client
        if is_of_file(error) and not isinstance(error, FileNotFoundError):
            return nothing(size, RefusedRows(part.first, part.rows, in_words(error)))
        raise SourceError(f"{shown} cannot be read any more: {in_words(error)}") from error
