import shutil
import signal
from pathlib import Path

import mlflow
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper


@pytest.fixture(autouse=True)
def own_tracking(monkeypatch):
    """No run stays open, and what MLflow sets for the whole process is put back."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_RUN_ID"):
        # MLflow sets these itself; setting them first makes their absence what is put back.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    handler = signal.getsignal(signal.SIGTERM)
    yield
    while mlflow.active_run() is not None:
        mlflow.end_run("KILLED")
    mlflow.set_tracking_uri(None)
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def project(tmp_path, empty_store) -> Path:
    """A project's folder with an empty store."""
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copy(empty_store, folder / "mlflow.db")
    return folder


@pytest.fixture(scope="session")
def model_bytes() -> bytes:
    """A classifier of 8×8 images, with metadata, and large enough that onnx might store weights apart."""
    generator = np.random.default_rng(0)
    weights = {
        name: generator.normal(scale=0.01, size=size).astype("float32")
        for name, size in (("first", (64, 64)), ("second", (64, 3)))
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["values"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["values"], ["flat"]),
        helper.make_node("MatMul", ["flat", "first"], ["hidden"]),
        helper.make_node("MatMul", ["hidden", "second"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", 8, 8])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"class_names": '["left", "right", "below"]', "recipe": '"base"'})
    return model.SerializeToString()
