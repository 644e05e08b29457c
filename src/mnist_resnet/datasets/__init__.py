"""Kedro datasets: the storage of each artifact, and its preview in kedro-viz."""

from mnist_resnet.datasets.base import ArtifactDataset
from mnist_resnet.datasets.figure import FigureDataset
from mnist_resnet.datasets.model_files import (
    BytesDataset,
    FilesDataset,
    KerasModelDataset,
    OnnxDataset,
    OnnxFilesDataset,
)
from mnist_resnet.datasets.plain_data import (
    ArrayDataset,
    FolderDataset,
    IdxDataset,
    JsonDataset,
    TextDataset,
)
from mnist_resnet.datasets.report_files import HistoryDataset, LayerTableDataset, MarkdownDataset, PageDataset
from mnist_resnet.datasets.sharded_array import ShardedArrayDataset

__all__ = [
    "ArrayDataset",
    "ArtifactDataset",
    "BytesDataset",
    "FigureDataset",
    "FilesDataset",
    "FolderDataset",
    "HistoryDataset",
    "IdxDataset",
    "JsonDataset",
    "KerasModelDataset",
    "LayerTableDataset",
    "MarkdownDataset",
    "OnnxDataset",
    "OnnxFilesDataset",
    "PageDataset",
    "ShardedArrayDataset",
    "TextDataset",
]
