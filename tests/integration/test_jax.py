"""The same network trained by JAX, and exported through TensorFlow."""

import subprocess
import sys

import numpy as np
import pytest

from tests.integration.conftest import Project, clean_environment

pytestmark = [pytest.mark.integration, pytest.mark.landing]

# float32 on two libraries; the check of each export allows the same.
TOLERANCE = 1e-5

CLASSIFY = """
import sys
import numpy as np
import mnist_resnet.models.resnet
from mnist_resnet.computing.backend import keras
assert keras.backend.backend() == "jax"
model, images, answer = sys.argv[1:]
probabilities = keras.saving.load_model(model, compile=False).predict(np.load(images), verbose=0)
np.save(answer, probabilities)
"""


def test_weights_trained_by_jax_export_through_tensorflow_with_equal_probabilities(squares: Project, made_data) -> None:
    trained = squares.kedro("run", "--pipelines", "data,train", "--namespaces", "squares", KERAS_BACKEND="jax")
    assert trained.returncode == 0, trained.stderr
    assert "by JAX" in trained.stderr

    np.save(squares.folder / "images.npy", made_data.arrays["test_images"])
    model = squares.folder / "data/06_models/squares/model.keras"
    subprocess.run(
        [sys.executable, "-c", CLASSIFY, model, squares.folder / "images.npy", squares.folder / "by_jax.npy"],
        env=clean_environment() | {"KERAS_BACKEND": "jax"},
        check=True,
        timeout=300,
    )
    squares.run(pipeline_names=["export", "evaluate"], namespaces=["squares"])

    by_onnx = np.load(squares.folder / "data/07_model_output/squares/test_probabilities.npy")
    by_jax = np.load(squares.folder / "by_jax.npy")
    np.testing.assert_allclose(by_onnx, by_jax, rtol=0, atol=TOLERANCE)
    assert np.mean(by_jax.argmax(axis=1) == made_data.arrays["test_labels"]) > 0.8


def test_exporting_under_jax_is_refused_before_any_work(squares: Project) -> None:
    refused = squares.kedro("run", "--namespaces", "squares", KERAS_BACKEND="jax")
    assert refused.returncode == 1
    assert "KERAS_BACKEND: received 'jax'" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (squares.folder / "data").exists()
