from pathlib import Path

import pytest
from mlflow import MlflowClient

from mnist_resnet.errors import UserError
from mnist_resnet.tracking.model_lookup import RecordedModelError, read_recorded_onnx
from tests.tracking.recordings import EXPERIMENT, record


def test_a_model_is_had_by_its_id_its_version_and_its_alias_unless_it_is_damaged(project, store, model) -> None:
    record(project, model=model)
    client = MlflowClient(store)
    (logged,) = client.search_logged_models([client.get_experiment_by_name(EXPERIMENT).experiment_id])
    client.create_registered_model("made")
    client.create_model_version("made", logged.artifact_location, model_id=logged.model_id)
    client.set_registered_model_alias("made", "champion", "1")
    folder = Path(logged.artifact_location.removeprefix("file://"))
    held = sorted(folder.iterdir())
    for uri in (logged.model_uri, "models:/made/1", "models:/made@champion"):
        assert read_recorded_onnx(uri, project) == model.content
    assert sorted(folder.iterdir()) == held

    (stored,) = folder.rglob("*.onnx")
    damaged = bytearray(model.content)
    damaged[len(damaged) // 2] ^= 1
    stored.write_bytes(damaged)
    with pytest.raises(RecordedModelError, match=r"received 'models:/made/1', whose ONNX file is damaged"):
        read_recorded_onnx("models:/made/1", project)


@pytest.mark.parametrize("uri", ["models:/m-0", "models:/squares@champion", "models:/squares/3", "models:/"])
def test_a_model_that_is_not_there_is_refused_by_name(project, uri) -> None:
    with pytest.raises(RecordedModelError, match=f"^model URI: received '{uri}'.*mlflow ui") as refused:
        read_recorded_onnx(uri, project)
    assert isinstance(refused.value, UserError)


@pytest.mark.parametrize("mlmodel", [None, "- no mapping", "{"])
def test_a_model_without_a_readable_mlmodel_file_is_refused_by_name(project, store, model, tmp_path, mlmodel) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(b"")
    if mlmodel is not None:
        (folder / "MLmodel").write_text(mlmodel)
    client = MlflowClient(store)
    client.create_registered_model("plain")
    client.create_model_version("plain", folder.as_uri())
    with pytest.raises(RecordedModelError, match=r"'models:/plain/1', whose MLmodel file cannot be read: "):
        read_recorded_onnx("models:/plain/1", project)
