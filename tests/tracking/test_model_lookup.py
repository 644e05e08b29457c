from pathlib import Path

import pytest
from mlflow import MlflowClient

from mnist_resnet.errors import UserError
from mnist_resnet.tracking.logged_model import LoggedModel
from mnist_resnet.tracking.model_lookup import RecordedModelError, read_recorded_onnx
from mnist_resnet.tracking.run import TrackedRun
from mnist_resnet.tracking.store.database import StoreMissingError
from tests.made_model import bright_half, halves_model


def test_a_model_is_had_by_its_id_its_version_and_its_alias_unless_it_is_damaged(project) -> None:
    content = halves_model()
    run = TrackedRun(project, "squares", "a run", {}, {})
    run.log_model(
        LoggedModel("squares", content, bright_half("left")[None], ("left", "right", "dark"), ("CPUExecutionProvider",))
    )
    run.close("FINISHED")
    client = MlflowClient(run.uri)
    (model,) = client.search_logged_models([client.get_experiment_by_name("squares").experiment_id])
    client.create_registered_model("squares")
    client.create_model_version("squares", model.artifact_location, model_id=model.model_id)
    client.set_registered_model_alias("squares", "champion", "1")
    held = sorted(Path(model.artifact_location.removeprefix("file://")).iterdir())
    for uri in (model.model_uri, "models:/squares/1", "models:/squares@champion"):
        assert read_recorded_onnx(uri, project) == content
    assert sorted(Path(model.artifact_location.removeprefix("file://")).iterdir()) == held

    (stored,) = Path(model.artifact_location.removeprefix("file://")).rglob("*.onnx")
    damaged = bytearray(content)
    damaged[len(damaged) // 2] ^= 1
    stored.write_bytes(damaged)
    with pytest.raises(RecordedModelError, match=r"received 'models:/squares/1', whose ONNX file is damaged"):
        read_recorded_onnx("models:/squares/1", project)


@pytest.mark.parametrize("uri", ["models:/m-0", "models:/squares@champion", "models:/squares/3", "models:/"])
def test_a_model_that_is_not_there_is_refused_by_name(project, uri) -> None:
    with pytest.raises(RecordedModelError, match=f"^model URI: received '{uri}'.*mlflow ui") as refused:
        read_recorded_onnx(uri, project)
    assert isinstance(refused.value, UserError)


def test_a_store_that_is_not_there_is_not_made(tmp_path) -> None:
    with pytest.raises(StoreMissingError, match=r"mlflow\.db does not exist"):
        read_recorded_onnx("models:/m-0", tmp_path)
    assert not (tmp_path / "mlflow.db").exists()
