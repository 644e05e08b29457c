"""The plan of a source: all its files listed once, and cut into chunks."""

from collections.abc import Sequence

from mnist_resnet.batch_inference.chunks import SourcePlan


def plan_chunks(sources: Sequence[str], size: tuple[int, int], rows: int, column: str | None = None) -> SourcePlan:
    """List sources and cut them into chunks.

    Args:
        sources: Files, folders, patterns such as ``scans/*.png``, or addresses that fsspec reads, such as
            ``s3://bucket/images`` or ``zip://*.png::/scans.zip``; at least one.
        size: The model's (height, width) in pixels.
        rows: The most images of a chunk, at least 1.
        column: The column of Parquet files that holds the images; None: found by its type.

    Raises:
        SourceError: If a source cannot be listed, or no image could be read.
    """
    raise NotImplementedError
