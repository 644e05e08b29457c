from pathlib import Path

from kedro.io import DataCatalog

from mnist_resnet.provenance.catalog import collect_catalog


def _collected(entry: dict, project: Path, name: str = "made.onnx") -> dict:
    catalog = DataCatalog.from_config({"{namespace}.onnx": entry}, {"mine": {"token": "swordfish"}})
    return collect_catalog(catalog, {name}, project)


def test_entries_are_told_by_type_and_place(tmp_path: Path) -> None:
    entry = {"type": "mnist_resnet.datasets.OnnxDataset", "filepath": f"{tmp_path}/data/{{namespace}}/model.onnx"}
    (told,) = _collected(entry, tmp_path).items()
    assert told[0] == "made.onnx"
    assert told[1]["type"] == "mnist_resnet.datasets.OnnxDataset"
    assert told[1]["filepath"] == "data/made/model.onnx"


def test_a_place_outside_the_project_is_told_as_it_is(tmp_path: Path) -> None:
    entry = {"type": "mnist_resnet.datasets.OnnxDataset", "filepath": f"{tmp_path}/elsewhere/model.onnx"}
    assert _collected(entry, tmp_path / "project")["made.onnx"]["filepath"] == f"{tmp_path}/elsewhere/model.onnx"


def test_no_credentials_are_told(tmp_path: Path) -> None:
    place = "https://user:swordfish@example.org/model.json?signature=swordfish"
    entry = {"type": "kedro_datasets.json.JSONDataset", "filepath": place, "credentials": "mine"}
    told = _collected(entry, tmp_path)
    assert told["made.onnx"]["filepath"] == "https://example.org/model.json"
    assert "swordfish" not in str(told)


def test_what_is_not_stored_or_not_in_the_catalog_is_not_told(tmp_path: Path) -> None:
    assert _collected({"type": "kedro.io.MemoryDataset"}, tmp_path) == {}
    entry = {"type": "mnist_resnet.datasets.OnnxDataset", "filepath": "model.onnx"}
    assert _collected(entry, tmp_path, "params:seed") == {}
