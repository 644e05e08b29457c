"""The file that MLflow stores with a model, loaded by MLflow as a user would load it."""

import os
import shutil
import subprocess
import sys
from types import SimpleNamespace

import mlflow
import numpy as np
import onnxruntime
import pytest
from mlflow.exceptions import MlflowException

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"

# A process that finds none of this package, as where a model is served.
ELSEWHERE = """
import sys
import mlflow
import numpy as np

model = mlflow.pyfunc.load_model(sys.argv[1])
print(model.predict(np.zeros((1, 8, 8), np.uint8))["probabilities"].shape)
assert not [name for name in sys.modules if name.startswith("mnist_resnet")]
"""


@pytest.fixture(scope="module")
def served(model_folder) -> mlflow.pyfunc.PyFuncModel:
    """The recorded model, loaded by MLflow."""
    return mlflow.pyfunc.load_model(str(model_folder))


@pytest.fixture
def images(made_data) -> np.ndarray:
    return made_data.arrays["test_images"][:5]


def with_pixel(value) -> np.ndarray:
    """Two images of Python's numbers, as MLflow makes them of JSON, with one odd pixel."""
    images = np.zeros((2, 8, 8), object)
    images[1, 2, 3] = value
    return images


def test_raw_images_get_the_answer_of_the_file_itself(served, model, images):
    session = onnxruntime.InferenceSession(model.content, providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {"image": images})
    np.testing.assert_array_equal(served.predict(images)["probabilities"], expected)
    np.testing.assert_array_equal(served.predict({"image": images})["probabilities"], expected)


@pytest.mark.parametrize("dtype", [np.int64, np.float64, np.float32, object])
def test_whole_numbers_of_any_type_are_images(served, images, dtype):
    np.testing.assert_array_equal(
        served.predict(images.astype(dtype))["probabilities"], served.predict(images)["probabilities"]
    )


def test_many_images_are_answered_in_their_order(served, made_data):
    images = made_data.arrays["train_images"].repeat(3, axis=0)
    answers = served.predict(images)["probabilities"]
    # Another batch size: only the order of float32 sums may differ.
    np.testing.assert_allclose(answers[::3], served.predict(images[::3])["probabilities"], atol=1e-6)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.5, "0.5 in image 1, row 2, column 3"),
        (256, "256 in image 1, row 2, column 3"),
        (-1, "-1 in image 1, row 2, column 3"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (10**400, "too large"),
        (True, "True"),
        (None, "None"),
        ("7", "'7'"),
        ({}, "{}"),
    ],
)
def test_a_pixel_that_is_none_is_refused_and_shown(served, value, shown):
    with pytest.raises(MlflowException, match=r"8 rows of 8 whole numbers from 0 to 255") as refused:
        served.predict(with_pixel(value))
    assert shown in refused.value.message
    assert refused.value.get_http_status_code() == 400


@pytest.mark.parametrize(
    ("images", "shown"),
    [
        (np.zeros((2, 7, 8), np.uint8), "shape (2, 7, 8)"),
        (np.zeros((8, 8), np.uint8), "shape (8, 8)"),
        (np.zeros((1, 8, 8, 1), np.uint8), "shape (1, 8, 8, 1)"),
        (np.zeros((0, 8, 8), np.uint8), "no pixels"),
        (np.array([[[0] * 8] * 7 + [[0] * 7]], object), "different lengths"),
        (np.array("a picture", object), "'a picture'"),
        (np.zeros((1, 8, 8), bool), "bool"),
        (np.zeros((1, 8, 8), complex), "complex"),
    ],
)
def test_what_is_no_array_of_images_is_refused(served, images, shown):
    with pytest.raises(MlflowException, match=r"8 rows of 8 whole numbers from 0 to 255") as refused:
        served.predict(images)
    assert shown in refused.value.message
    assert refused.value.get_http_status_code() == 400


def test_a_request_has_an_upper_bound(served):
    assert len(served.predict(np.zeros((10_000, 8, 8), np.uint8))["probabilities"]) == 10_000
    with pytest.raises(MlflowException, match="a request may have at most 10000 images; received 10001"):
        served.predict(np.zeros((10_001, 8, 8), np.uint8))


@pytest.mark.parametrize("others", [[], ["CPUExecutionProvider"]])
def test_asking_for_cuda_alarms_nobody_where_there_is_none(model_folder, images, served, capfd, others):
    asking = mlflow.pyfunc.load_model(str(model_folder), model_config={"providers": ["CUDAExecutionProvider", *others]})
    # On a GPU, TF32 rounds factors to ten bits.
    np.testing.assert_allclose(
        asking.predict(images)["probabilities"], served.predict(images)["probabilities"], atol=0.01
    )
    assert "".join(capfd.readouterr()) == ""


@pytest.fixture
def driver(monkeypatch):
    """As where an NVIDIA driver loads and onnxruntime has the provider; ``opened`` then makes what asks for CUDA."""
    real = onnxruntime.InferenceSession

    def driver(opened) -> None:
        def session(content, options, providers, enable_fallback):
            assert enable_fallback == 0
            return (opened if providers == [CUDA] else real)(content, options, providers=providers)

        monkeypatch.setattr("ctypes.CDLL", lambda _: None)
        monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None)
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
        monkeypatch.setattr(onnxruntime, "InferenceSession", session)

    return driver


def left_out(content, options, providers):
    os.write(2, b"[E:onnxruntime:Default] Failed to load library libonnxruntime_providers_cuda.so\n")
    return onnxruntime.capi.onnxruntime_inference_collection.InferenceSession(content, options, providers=[CPU])


def failing(content, options, providers):
    raise RuntimeError("CUDA failure 100: no CUDA-capable device is detected")


@pytest.mark.parametrize(("opened", "reason"), [(left_out, "Failed to load library"), (failing, "CUDA failure 100")])
@pytest.mark.parametrize("providers", [[CUDA], [CUDA, CPU]])
def test_another_provider_than_cuda_is_told_with_the_reason(
    model_folder, images, served, driver, caplog, capfd, opened, reason, providers
):
    driver(opened)
    model = mlflow.pyfunc.load_model(str(model_folder), model_config={"providers": providers})
    np.testing.assert_array_equal(model.predict(images)["probabilities"], served.predict(images)["probabilities"])
    [record] = [record for record in caplog.records if "onnxruntime" in record.getMessage()]
    assert record.levelname == "WARNING"
    assert record.getMessage().startswith(f"onnxruntime cannot use {CUDA} here: ")
    assert reason in record.getMessage()
    assert "".join(capfd.readouterr()) == ""


def test_cuda_that_classifies_is_used(model_folder, images, driver, caplog):
    def opened(content, options, providers):
        def run(_, fed):
            return [np.full((len(fed["image"]), 3), 0.5, np.float32)]

        inputs, outputs = [SimpleNamespace(name="image", shape=["N", 8, 8])], [SimpleNamespace(name="probabilities")]
        return SimpleNamespace(
            get_providers=lambda: providers, run=run, get_inputs=lambda: inputs, get_outputs=lambda: outputs
        )

    driver(opened)
    model = mlflow.pyfunc.load_model(str(model_folder), model_config={"providers": [CUDA, CPU]})
    assert np.unique(model.predict(images)["probabilities"]).tolist() == [0.5]
    assert not [record for record in caplog.records if "onnxruntime" in record.getMessage()]


def test_a_damaged_file_is_not_served(model_folder, tmp_path):
    shutil.copytree(model_folder, tmp_path / "model")
    (onnx,) = (tmp_path / "model").rglob("*.onnx")
    damaged = bytearray(onnx.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    onnx.write_bytes(damaged)
    with pytest.raises(MlflowException, match=r"the ONNX file is damaged: its SHA-256 is \w{64}, but "):
        mlflow.pyfunc.load_model(str(tmp_path / "model"))


def test_it_loads_where_this_package_is_not(model_folder, tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    ended = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(model_folder)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, "(1, 3)\n"), ended.stderr


def test_nothing_of_it_is_pickled(model_folder):
    assert not [file for file in model_folder.rglob("*") if file.suffix in {".pkl", ".pickle"}]
    assert (model_folder / "served_model.py").exists()
