"""What a look at a file's header shows: how many images it holds, and where."""

from typing import NamedTuple

from mnist_resnet.batch_inference.sources.chunks import ArrayLayout, ParquetLayout


class Inspection(NamedTuple):
    """The contents of an array or Parquet file.

    Attributes:
        layout: How it holds its images.
        declared: How many images its header declares.
        readable: How many of them, counted from the first, may be there.
        fault: What is wrong with the others, or with the file beside its images; else empty.
    """

    layout: ArrayLayout | ParquetLayout
    declared: int
    readable: int
    fault: str = ""


class Fault(Exception):  # noqa: N818 - a finding, never shown as an error
    """Why no image of a file can be read.

    Args:
        reason: In one line.
        declared: How many images the header declares, if that is known.
    """

    def __init__(self, reason: str, declared: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.declared = declared


class WithoutImagesError(Fault):
    """A whole file whose contents are no images, such as labels."""
