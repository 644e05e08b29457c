import shutil
from dataclasses import replace

import mlflow
import numpy as np

from mnist_resnet.evaluation.package import onnxruntime_package
from mnist_resnet.storage.artifacts import sha256_of_bytes
from mnist_resnet.tracking.logged_model import log_model
from tests.conftest import PROJECT


def test_a_logged_model_is_the_file_takes_raw_images_and_answers(model_folder, model) -> None:
    assert model_folder.parents[2].name == "mlartifacts"
    (file,) = model_folder.rglob("*.onnx")
    assert file.read_bytes() == model.content

    info = mlflow.models.Model.load(model_folder)
    (image,), (probabilities,) = info.signature.inputs.inputs, info.signature.outputs.inputs
    # MLflow casts to the type it finds here, so it is one that keeps whatever was sent.
    assert (image.name, image.type, image.shape) == ("image", np.dtype("object"), (-1,))
    assert probabilities.name == "probabilities"
    assert (probabilities.type, probabilities.shape) == (np.dtype("float32"), (-1, 3))
    digest = sha256_of_bytes(model.content)
    assert info.flavors["python_function"]["config"] == {"providers": ["CPUExecutionProvider"], "onnx_sha256": digest}
    assert info.metadata == {"class_names": list(model.class_names), "image_size": [8, 8], "onnx_sha256": digest}

    served = mlflow.pyfunc.load_model(str(model_folder))
    np.testing.assert_array_equal(served.input_example["image"], model.input_example)
    assert served.predict(served.input_example)["probabilities"].shape == (2, 3)


def test_a_logged_model_names_no_folder_that_its_files_came_from(model_folder) -> None:
    flavor = mlflow.models.Model.load(model_folder).flavors["python_function"]
    assert flavor["model_code_path"] == "served_model.py"
    assert (model_folder / flavor["model_code_path"]).is_file()
    assert flavor["artifacts"] == {"onnx": {"path": "artifacts/model.onnx", "uri": "artifacts/model.onnx"}}
    assert str(PROJECT / "src") not in (model_folder / "MLmodel").read_text()


def test_a_logged_model_states_what_serves_it(model_folder) -> None:
    requirements = (model_folder / "requirements.txt").read_text().split()
    names = [requirement.split("==")[0] for requirement in requirements]
    assert names == ["mlflow", "numpy", onnxruntime_package()]
    assert all("==" in requirement for requirement in requirements)


def test_models_of_one_run_may_ask_for_different_providers(empty_store, model, tmp_path) -> None:
    store = f"sqlite:///{shutil.copy(empty_store, tmp_path / 'mlflow.db')}"
    client = mlflow.MlflowClient(store)
    experiment = client.create_experiment("two models", artifact_location=(tmp_path / "artifacts").as_uri())
    run_id = client.create_run(experiment).info.run_id
    others = replace(model, name="other", providers=("CUDAExecutionProvider", *model.providers))
    for each in (model, others):
        log_model(each, client, run_id)
    params = client.get_run(run_id).data.params
    assert params == {f"{each.name}.providers": str(list(each.providers)) for each in (model, others)}
