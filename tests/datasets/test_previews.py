"""Previews in kedro-viz: each in the form that its annotation names, made of little, and as its browser reads it."""

import base64
import inspect
import json
import math
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import onnx
import pytest
from kedro.io import DatasetError
from onnx import TensorProto, helper
from PIL import Image

from mnist_resnet.data.idx import encode
from mnist_resnet.datasets import (
    ArrayDataset,
    FilesDataset,
    HistoryDataset,
    IdxDataset,
    JsonDataset,
    KerasModelDataset,
    LayerTableDataset,
    MarkdownDataset,
    OnnxDataset,
    OnnxFilesDataset,
    PageDataset,
    ShardedArrayDataset,
)
from mnist_resnet.reporting.layer_table import LayerRow
from mnist_resnet.reporting.page import to_html
from mnist_resnet.storage.shard_writing import RowsForShards
from mnist_resnet.training.events import EpochResult
from tests.conftest import memory_below

IMAGES = np.full((70, 8, 8), 200, np.uint8)
HISTORY = "mnist_resnet.training.events.History"
LAYERS = "mnist_resnet.reporting.layer_table.LayerTable"
REPORT = (
    "# Squares\n\n| file | size |\n| --- | --- |\n| `model_int8.onnx` * | 3_000 |\n\n![Curves](learning_curves.png)\n"
)


def form(dataset: object) -> str:
    """As kedro-viz finds it out."""
    return inspect.signature(dataset.preview).return_annotation.__name__


def size(preview: str) -> tuple[int, int]:
    return Image.open(BytesIO(base64.b64decode(preview, validate=True))).size


def epoch(number: int, validation: float | None) -> EpochResult:
    return EpochResult(number, 0.1, 2.0 / number, 0.5, validation, validation, 1.0, 9.0)


def onnx_file(*kinds: str) -> bytes:
    names = [f"value{number}" for number in range(len(kinds) + 1)]
    nodes = [helper.make_node(kind, [names[at]], [names[at + 1]]) for at, kind in enumerate(kinds)]
    ends = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, [1])] for name in (names[0], names[-1])]
    made = helper.make_model(helper.make_graph(nodes, "graph", *ends), opset_imports=[helper.make_opsetid("", 17)])
    made.ir_version = 8
    onnx.checker.check_model(made)
    return made.SerializeToString()


@pytest.mark.parametrize("kind", [IdxDataset, ArrayDataset, ShardedArrayDataset])
def test_images_are_a_mosaic(tmp_path: Path, kind: type) -> None:
    dataset = kind(filepath=str(tmp_path / "images.npy"))
    dataset.save(IMAGES)
    assert form(dataset) == "ImagePreview"
    assert size(dataset.preview()) == (600, 360)


def test_images_in_shards_are_a_mosaic(tmp_path: Path) -> None:
    dataset = ShardedArrayDataset(filepath=str(tmp_path / "images.npy"))
    dataset.save(RowsForShards(IMAGES, np.arange(70), 30))
    assert size(dataset.preview()) == (600, 360)


@pytest.mark.parametrize(
    "array", [np.arange(9, dtype=np.uint8) % 3, np.eye(5, dtype=np.float32), np.ones((2, 5, 1), np.float32)]
)
def test_labels_and_probabilities_are_a_plot(tmp_path: Path, array: np.ndarray) -> None:
    dataset = ArrayDataset(filepath=str(tmp_path / "array.npy"))
    dataset.save(array)
    assert size(dataset.preview()) == (600, 340)


@pytest.mark.parametrize("empty", [np.zeros((0, 28, 28), np.uint8), np.zeros(0, np.uint8)])
def test_of_no_images_nothing_is_shown(tmp_path: Path, empty: np.ndarray) -> None:
    dataset = ArrayDataset(filepath=str(tmp_path / "none.npy"))
    dataset.save(empty)
    assert dataset.preview() == ""


def test_a_few_images_of_many_are_read(tmp_path: Path) -> None:
    many = np.lib.format.open_memmap(tmp_path / "images.npy", "w+", np.uint8, (200_000, 28, 28))  # 150 MB on disk
    del many
    ArrayDataset(filepath=str(tmp_path / "images.npy")).preview()  # imports what it needs
    with memory_below(20_000_000):
        ArrayDataset(filepath=str(tmp_path / "images.npy")).preview()


def test_a_number_that_is_none_is_null_to_the_browser(tmp_path: Path) -> None:
    dataset = JsonDataset(filepath=str(tmp_path / "values.json"), schema=HISTORY)
    dataset.save([epoch(1, math.nan)])
    assert "NaN" not in dataset.preview()
    assert json.loads(dataset.preview())[0]["validation_loss"] is None
    untyped = JsonDataset(filepath=str(tmp_path / "untyped.json"))
    untyped.save({"loss": math.nan})
    assert json.loads(untyped.preview()) == {"loss": None}


@pytest.mark.parametrize(("validation", "shown"), [(0.25, 4), (None, 2)])
def test_the_history_is_curves(tmp_path: Path, validation: float | None, shown: int) -> None:
    dataset = HistoryDataset(filepath=str(tmp_path / "history.json"), schema=HISTORY)
    dataset.save([epoch(1, validation), epoch(2, validation)])
    assert form(dataset) == "PlotlyPreview"
    lines = dataset.preview()["data"]
    assert len(lines) == shown
    assert (lines[0]["name"], lines[0]["x"], lines[0]["y"]) == ("train loss", [1, 2], [2.0, 1.0])


def test_the_layers_are_a_table(tmp_path: Path) -> None:
    dataset = LayerTableDataset(filepath=str(tmp_path / "architecture.json"), schema=LAYERS)
    dataset.save([LayerRow("stem", "Conv2D", (16, 16, 64), 3136, 3136)])
    assert form(dataset) == "TablePreview"
    preview = dataset.preview()
    assert preview["columns"] == ["layer", "kind", "output", "parameters"]
    assert preview["data"] == [["stem", "Conv2D", "16×16×64", "3,136"]]


def test_an_onnx_file_is_the_counts_of_its_nodes(tmp_path: Path) -> None:
    dataset = OnnxDataset(filepath=str(tmp_path / "model.onnx"))
    dataset.save(onnx_file("Abs", "Relu", "Relu"))
    assert form(dataset) == "TablePreview"
    assert dataset.preview() == {
        "columns": ["operator", "model.onnx"],
        "index": [0, 1],
        "data": [["Relu", 2], ["Abs", 1]],
    }


def test_onnx_files_are_compared_by_the_counts_of_their_nodes(tmp_path: Path) -> None:
    dataset = OnnxFilesDataset(filepath=str(tmp_path / "variants"))
    dataset.save({"model.fp16.onnx": onnx_file("Abs", "Relu"), "model.int8.onnx": onnx_file("Relu")})
    preview = dataset.preview()
    assert preview["columns"] == ["operator", "model.fp16.onnx", "model.int8.onnx"]
    assert preview["data"] == [["Relu", 1, 1], ["Abs", 1, 0]]


def test_a_folder_is_the_sizes_of_its_files(tmp_path: Path) -> None:
    dataset = FilesDataset(filepath=str(tmp_path / "saved_model"))
    dataset.save({"saved_model.pb": b"graph", "variables/variables.index": b"", "assets/empty": b""})
    assert dataset.preview()["data"] == [["assets/empty", 0], ["saved_model.pb", 5], ["variables/variables.index", 0]]


def test_a_model_is_the_counts_of_its_layers_of_which_no_weights_are_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        layers = [{"class_name": name} for name in ("InputLayer", "Conv2D", "Conv2D")]
        archive.writestr("config.json", json.dumps({"config": {"layers": layers}}))
    dataset = KerasModelDataset(filepath=str(tmp_path / "model.keras"))
    assert form(dataset) == "TablePreview"
    assert dataset.preview()["data"] == [["Conv2D", 2], ["InputLayer", 1]]


@pytest.mark.parametrize("kind", [MarkdownDataset, PageDataset])
def test_a_report_is_a_part_of_a_page_that_is_not_taken_for_markdown(tmp_path: Path, kind: type) -> None:
    picture = {"learning_curves.png": b"\x89PNG"}
    dataset = kind(filepath=str(tmp_path / "report"))
    dataset.save(REPORT if kind is MarkdownDataset else to_html(REPORT, "Squares", picture))
    assert form(dataset) == "HTMLPreview"
    preview = dataset.preview()
    assert preview.startswith("<h1>Squares</h1>")
    assert ("<img" in preview) == (kind is PageDataset)
    assert "<style" not in preview
    assert "\n" not in preview
    for character in "_*":
        assert preview.count(character) == preview.count(f"{character}\u2028") > 0
    assert "<code>model_\u2028int8.onnx</code>" in preview


@pytest.mark.parametrize(
    "kind", [ArrayDataset, IdxDataset, FilesDataset, OnnxDataset, KerasModelDataset, MarkdownDataset, JsonDataset]
)
def test_what_is_not_there_is_said_with_the_remedy(tmp_path: Path, kind: type) -> None:
    """kedro-viz then shows none, and its log says why."""
    with pytest.raises(DatasetError, match=r"does not exist; make it with `kedro run --only-missing-outputs`"):
        kind(filepath=str(tmp_path / "absent")).preview()


def test_the_size_of_a_file_is_shown_after_a_run(tmp_path: Path) -> None:
    dataset = IdxDataset(filepath=str(tmp_path / "images"))
    assert dataset.filepath is None
    (tmp_path / "images").write_bytes(encode(IMAGES))
    assert dataset.filepath == tmp_path / "images"
    assert FilesDataset(filepath=str(tmp_path)).filepath is None
