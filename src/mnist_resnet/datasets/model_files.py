"""The trained model and its exports."""

from pathlib import Path
from typing import Any

from kedro_datasets._typing import TablePreview

from mnist_resnet.datasets import previews
from mnist_resnet.datasets.base import ArtifactDataset
from mnist_resnet.storage.artifacts import read_files, write_files


class KerasModelDataset(ArtifactDataset[Any]):
    """A Keras model as ``.keras``, of Keras' own layers alone; loaded in safe mode."""

    def preview(self) -> TablePreview:
        """How many layers of each kind it has, for kedro-viz; no weights are read."""
        return previews.layers(self._found())

    def _read(self, path: Path) -> Any:
        from mnist_resnet.computing.backend import keras

        return keras.saving.load_model(path, compile=False, safe_mode=True)

    def _write(self, path: Path, data: Any) -> None:
        from mnist_resnet.models.portable import portable

        portable(data).save(path)

    def _is_same(self, loaded: Any, saved: Any) -> bool:
        return True  # with other layers, of Keras alone


class FilesDataset(ArtifactDataset[dict[str, bytes]]):
    """A folder: its files by relative name, such as a TensorFlow SavedModel's; possibly none."""

    def preview(self) -> TablePreview:
        """The sizes of the files, for kedro-viz; none is read."""
        return previews.files(self._found())

    def _read(self, path: Path) -> dict[str, bytes]:
        return read_files(path)

    def _write(self, path: Path, data: dict[str, bytes]) -> None:
        path.mkdir()
        write_files(path, data)


class OnnxFilesDataset(FilesDataset):
    """A folder of ONNX files."""

    def preview(self) -> TablePreview:
        """How many nodes of each operator the files have, for kedro-viz."""
        return previews.operators(self.load())


class BytesDataset(ArtifactDataset[bytes]):
    """A file byte by byte, of whatever format."""

    def _read(self, path: Path) -> bytes:
        return path.read_bytes()

    def _write(self, path: Path, data: bytes) -> None:
        path.write_bytes(data)


class OnnxDataset(BytesDataset):
    """An ONNX file, checked on save."""

    def preview(self) -> TablePreview:
        """How many nodes of each operator it has, for kedro-viz."""
        return previews.operators({self.path.name: self.load()})

    def _verify(self, path: Path, data: bytes) -> None:
        import onnx

        super()._verify(path, data)
        onnx.checker.check_model(data)
