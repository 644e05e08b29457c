"""Matplotlib figures as PNG files."""

from pathlib import Path
from typing import Any

from kedro.io import DatasetError
from kedro_datasets._typing import ImagePreview

from mnist_resnet.datasets import previews
from mnist_resnet.datasets.base import ArtifactDataset
from mnist_resnet.reporting.plots.canvas import as_png

_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


class FigureDataset(ArtifactDataset[Any]):
    """A figure: saved from Matplotlib, loaded as the bytes of its PNG file."""

    def preview(self) -> ImagePreview:
        """The picture, for kedro-viz."""
        return previews.png(self.load())

    def _read(self, path: Path) -> bytes:
        content = path.read_bytes()
        if not content.startswith(_PNG_MAGIC):
            raise DatasetError(f"{path} is not a PNG file")
        return content

    def _write(self, path: Path, data: Any) -> None:
        path.write_bytes(as_png(data))

    def _is_same(self, loaded: Any, saved: Any) -> bool:
        return True  # as a picture
