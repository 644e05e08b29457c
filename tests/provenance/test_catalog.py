from pathlib import Path

import pytest
from kedro.io import DataCatalog

from mnist_resnet.provenance.catalog import collect_catalog

ONNX = "mnist_resnet.datasets.OnnxDataset"
ADDRESS = "https://user:swordfish@example.org/model.json?signature=swordfish"


def _collected(entry: dict, project: Path, name: str = "made.onnx") -> dict:
    catalog = DataCatalog.from_config({"{namespace}.onnx": entry}, {"mine": {"token": "swordfish"}})
    return collect_catalog(catalog, {name}, project)


@pytest.mark.parametrize(
    ("entry", "place"),
    [
        ({"type": ONNX, "filepath": "{tmp}/project/data/{{namespace}}/model.onnx"}, "data/made/model.onnx"),
        ({"type": ONNX, "filepath": "{tmp}/elsewhere/model.onnx"}, "{tmp}/elsewhere/model.onnx"),
        # Neither credentials nor what may be a signature are told.
        (
            {"type": "kedro_datasets.json.JSONDataset", "filepath": ADDRESS, "credentials": "mine"},
            "https://example.org/model.json",
        ),
    ],
    ids=["in the project", "outside of it", "an address"],
)
def test_entries_are_told_by_type_and_place(tmp_path: Path, entry: dict, place: str) -> None:
    entry = entry | {"filepath": entry["filepath"].format(tmp=tmp_path)}
    expected = {"type": entry["type"], "filepath": place.format(tmp=tmp_path)}
    assert _collected(entry, tmp_path / "project") == {"made.onnx": expected}


def test_what_is_not_stored_or_not_in_the_catalog_is_not_told(tmp_path: Path) -> None:
    assert _collected({"type": "kedro.io.MemoryDataset"}, tmp_path) == {}
    assert _collected({"type": ONNX, "filepath": "model.onnx"}, tmp_path, "params:seed") == {}


def test_parameters_are_not_taken_for_artifacts_of_their_names_but_places_are_told(tmp_path: Path) -> None:
    folder = {"type": "mnist_resnet.datasets.FolderDataset", "filepath": str(tmp_path / "raw")}
    catalog = DataCatalog.from_config(
        {"{namespace}.onnx": {"type": ONNX, "filepath": "model.onnx"}, "params:{namespace}.raw_folder": folder}
    )
    catalog["params:made.onnx"] = {"opset": 17}
    names = {"params:made.onnx", "params:made.raw_folder"}
    assert collect_catalog(catalog, names, tmp_path) == {"made.raw_folder": folder | {"filepath": "raw"}}
