"""The reading of a chunk: its images, and what had to be refused."""

from mnist_resnet.batch_inference.chunks import Chunk, ChunkImages


def read_chunk(chunk: Chunk, size: tuple[int, int], invert: bool = False) -> ChunkImages:
    """Read the images of a chunk.

    Chunks of a file that is a gzip stream or has large Parquet row groups are read fastest in their order by the same
    thread, which then reads the file only once.

    Args:
        chunk: One of a ``SourcePlan``.
        size: The (height, width) that it was planned for.
        invert: Swap dark and bright.

    Raises:
        SourceError: If an array or Parquet file has changed since it was listed, or the file system is not there.
    """
    raise NotImplementedError
