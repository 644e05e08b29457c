"""Images, labels, arrays, numbers and texts."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from kedro.io import AbstractDataset, DatasetError
from kedro.utils import load_obj
from kedro_datasets._typing import ImagePreview, JSONPreview
from pydantic import TypeAdapter, ValidationError

from mnist_resnet.data.idx import IdxArray, IdxError, encoded, parse
from mnist_resnet.datasets import previews
from mnist_resnet.datasets.base import ArtifactDataset, stored_path
from mnist_resnet.storage.addresses import Address, is_address
from mnist_resnet.storage.arrays import Array, Rows, mapped, parts, same
from mnist_resnet.storage.copies import CopiedFolder


class FolderDataset(AbstractDataset[None, Path | CopiedFolder]):
    """The path of a folder, or a folder at an address, whether or not it exists; nothing is saved through it.

    Args:
        filepath: A path, a file URL, or an address of fsspec's.
        copies: ``path``: the folder for copies of what is at addresses.
        metadata: For kedro-viz.

    Attributes:
        path: Of the folder, or of the copies of its files.
    """

    def __init__(
        self, *, filepath: str, copies: Mapping[str, str] | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        self.path = stored_path(filepath, copies)
        self.metadata = metadata
        self._folder = CopiedFolder(Address(filepath), self.path) if is_address(filepath) else self.path

    def load(self) -> Path | CopiedFolder:
        """The folder."""
        return self._folder

    def save(self, data: None) -> None:
        """Refuse: a folder is written through the datasets of its files."""
        raise DatasetError(f"{self._folder} cannot be saved: the catalog only reads it")

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._folder)}


class IdxDataset(ArtifactDataset[IdxArray]):
    """An IDX file byte by byte as published, mapped into memory: images or labels of the file's own type and shape."""

    def preview(self) -> ImagePreview:
        """Some of the images, or how many there are of each label, for kedro-viz."""
        array = self.load()
        return previews.labels(array) if array.ndim == 1 else previews.images(array)

    def _read(self, path: Path) -> IdxArray:
        try:
            return parse(mapped(path))
        except IdxError as error:
            raise IdxError(f"{path}: {error}") from None

    def _write(self, path: Path, data: IdxArray) -> None:
        with path.open("wb") as file:
            file.writelines(encoded(data))

    def _is_same(self, loaded: IdxArray, saved: IdxArray) -> bool:
        return same(loaded, saved.astype(saved.dtype.newbyteorder(">"), copy=False))


class ArrayDataset(ArtifactDataset[Array]):
    """An array as ``.npy``, mapped into memory on load and never unpickled."""

    def preview(self) -> ImagePreview:
        """Some of the images, how many there are of each label, or how sure the answers are, for kedro-viz."""
        array = self.load()
        if array.ndim == 1:
            return previews.labels(array)
        return previews.images(array) if array.dtype == np.uint8 else previews.probabilities(array)

    def _read(self, path: Path) -> npt.NDArray[Any]:
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))

    def _write(self, path: Path, data: Array) -> None:
        with path.open("wb") as file:
            if isinstance(data, Rows):
                _save_by_parts(file, data)
            else:
                np.save(file, data, allow_pickle=False)

    def _is_same(self, loaded: Array, saved: Array) -> bool:
        return same(loaded, saved)


def _save_by_parts(file: BinaryIO, rows: Rows) -> None:
    """Write the same bytes as ``numpy.save`` would if all rows were in memory."""
    description = np.lib.format.dtype_to_descr(rows.dtype)
    np.lib.format.write_array_header_1_0(file, {"descr": description, "fortran_order": False, "shape": rows.shape})
    file.writelines(part.tobytes() for part in parts(rows))


class JsonDataset(ArtifactDataset[Any]):
    """Values of one type as JSON.

    Args:
        filepath: Where it is stored.
        copies: As of ``ArtifactDataset``.
        schema: The full name of the values' type, such as ``mnist_resnet.preprocessing.Preprocessing``: a dataclass,
            or another type that pydantic knows. Without one they are what JSON itself has.
        metadata: For kedro-viz and for tracking.
    """

    def __init__(
        self,
        *,
        filepath: str,
        copies: Mapping[str, str] | None = None,
        schema: str = "typing.Any",
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(filepath=filepath, copies=copies, metadata=metadata)
        self.schema = schema

    def _read(self, path: Path) -> Any:
        values = json.loads(path.read_text(encoding="utf-8"))
        try:
            return self._type().validate_python(values)
        except ValidationError as error:
            raise DatasetError(f"{path} holds no {self.schema}: {error}") from None

    def _write(self, path: Path, data: Any) -> None:
        values = self._type().dump_python(data, mode="json", warnings="error")
        path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    def _is_same(self, loaded: Any, saved: Any) -> bool:
        return True  # it has been read as its type, and a number that is none equals nothing

    def _type(self) -> TypeAdapter[Any]:
        return TypeAdapter(load_obj(self.schema))

    def preview(self) -> JSONPreview:
        """The content, for kedro-viz; a number that is none is null, since no browser reads NaN."""
        return JSONPreview(self._type().dump_json(self.load()).decode())


class TextDataset(ArtifactDataset[str]):
    """A text in UTF-8, such as a Markdown report."""

    def _read(self, path: Path) -> str:
        return path.read_text(encoding="utf-8")

    def _write(self, path: Path, data: str) -> None:
        path.write_text(data, encoding="utf-8")
