"""Keras without this package, and this package whatever the user has set for Keras."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mnist_resnet.evaluation.providers import CPU_PROVIDER
from mnist_resnet.evaluation.session import open_session
from tests.conftest import MadeData
from tests.integration.conftest import Project, clean_environment

pytestmark = pytest.mark.integration

# The check of each export allows the same.
TOLERANCE = 1e-5
# A network that was trained in mixed precision answers in it; the exports are in float32.
CLASSIFY = """
import sys
sys.modules["mnist_resnet"] = None
import keras
import numpy as np
model, images, answer = sys.argv[1:]
trained = keras.models.load_model(model)

def in_float32(layer):
    mixed = isinstance(layer, keras.layers.Layer) and layer.dtype_policy.name.startswith("mixed")
    return type(layer).from_config(layer.get_config() | ({"dtype": "float32"} if mixed else {}))

network = keras.models.clone_model(trained, clone_function=in_float32)
network.set_weights(trained.get_weights())
np.save(answer, network.predict(np.load(images), verbose=0))
"""


@pytest.mark.slow
def test_plain_keras_answers_as_the_exported_file(template: Path, made_data: MadeData, tmp_path: Path) -> None:
    images, models = made_data.arrays["test_images"], template / "data/06_models/squares"
    np.save(tmp_path / "images.npy", images)
    arguments = [models / "model.keras", tmp_path / "images.npy", tmp_path / "answer.npy"]
    subprocess.run([sys.executable, "-c", CLASSIFY, *arguments], env=clean_environment(), check=True, timeout=120)
    by_onnx = open_session((models / "model.onnx").read_bytes(), [CPU_PROVIDER]).probabilities(images, 60)
    np.testing.assert_allclose(np.load(tmp_path / "answer.npy"), by_onnx, rtol=0, atol=TOLERANCE)


def test_an_unknown_backend_is_refused_in_a_line_before_any_work(squares: Project) -> None:
    refused = squares.kedro("run", "--pipelines", "data,train", "--namespaces", "squares", KERAS_BACKEND="torch")
    assert refused.returncode == 1
    assert "KERAS_BACKEND: received 'torch', but this project runs on tensorflow or jax" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (squares.folder / "data").exists()


@pytest.mark.slow
def test_commands_do_the_same_whatever_the_users_file_says(squares: Project, tmp_path: Path) -> None:
    settings = {"floatx": "float16", "epsilon": 0.1, "backend": "torch", "image_data_format": "channels_first"}
    home = tmp_path / "keras"
    home.mkdir()
    (home / "keras.json").write_text(json.dumps(settings))
    plain, hostile = ({"KERAS_HOME": str(folder)} for folder in (tmp_path / "none", home))
    training = ("run", "--pipelines", "data,train", "--namespaces", "squares")
    for command in (("layers", "--namespaces", "squares"), training):
        ended = [squares.kedro(*command, **settings) for settings in (plain, hostile)]
        assert [each.returncode for each in ended] == [0, 0], ended[-1].stderr
        if command != training:
            assert ended[0].stdout == ended[1].stdout
    ended_whole = squares.kedro("run", "--pipelines", "export,evaluate", "--namespaces", "squares", **hostile)
    assert ended_whole.returncode == 0, ended_whole.stderr
    assert json.loads((home / "keras.json").read_text()) == settings
    assert not (tmp_path / "none").exists()
