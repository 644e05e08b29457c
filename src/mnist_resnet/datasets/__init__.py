"""Kedro datasets: the storage of each artifact, and its preview in kedro-viz."""

from mnist_resnet.datasets.base import ArtifactDataset
from mnist_resnet.datasets.data import (
    ArrayDataset,
    FolderDataset,
    IdxDataset,
    JsonDataset,
    TextDataset,
)
from mnist_resnet.datasets.figure import FigureDataset
from mnist_resnet.datasets.models import (
    FilesDataset,
    KerasModelDataset,
    OnnxDataset,
)

__all__ = [
    "ArrayDataset",
    "ArtifactDataset",
    "FigureDataset",
    "FilesDataset",
    "FolderDataset",
    "IdxDataset",
    "JsonDataset",
    "KerasModelDataset",
    "OnnxDataset",
    "TextDataset",
]
