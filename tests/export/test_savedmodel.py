import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from mnist_resnet.export.savedmodel import load_savedmodel, to_savedmodel
from mnist_resnet.models.resnet import build_network
from mnist_resnet.storage.artifacts import write_files

# One graph on one machine, but a batch size may choose another way of summing: a few units of 6e-8.
TOLERANCE = 1e-6

# A user who has TensorFlow and the exported folder, and nothing of this project.
USER = """
import sys
import numpy as np
import tensorflow as tf

folder, images, answers = sys.argv[1:]
loaded = tf.saved_model.load(folder)
outputs = loaded.signatures["serving_default"](image=tf.constant(np.load(images)))
np.save(answers, outputs["probabilities"].numpy())
ours = [name for name in sys.modules if name.startswith("mnist_resnet")]
assert not ours, ours
"""


@pytest.fixture(scope="module")
def network(model_parameters, preprocessing) -> keras.Model:
    keras.utils.set_random_seed(0)
    return build_network(model_parameters, preprocessing, (8, 8), 3)


@pytest.fixture(scope="module")
def files(network) -> dict[str, bytes]:
    return to_savedmodel(network)


@pytest.fixture
def images(made_data) -> np.ndarray:
    return made_data.arrays["test_images"]


@pytest.fixture
def expected(network, images) -> np.ndarray:
    return np.asarray(network(images, training=False))


def test_the_files_are_those_of_a_savedmodel(files):
    assert {"saved_model.pb", "variables/variables.index"} <= files.keys()
    assert all(isinstance(content, bytes) for content in files.values())


def test_the_signature_takes_raw_images_and_gives_probabilities(files, tmp_path):
    write_files(tmp_path, files)
    answer = tf.saved_model.load(tmp_path).signatures["serving_default"]
    _, inputs = answer.structured_input_signature
    assert {name: (spec.dtype, spec.shape.as_list()) for name, spec in inputs.items()} == {
        "image": (tf.uint8, [None, 8, 8])
    }
    assert {name: (spec.dtype, spec.shape.as_list()) for name, spec in answer.structured_outputs.items()} == {
        "probabilities": (tf.float32, [None, 3])
    }


def test_each_weight_is_stored_once(network, files, tmp_path):
    size = len(files["variables/variables.data-00000-of-00001"])
    assert 4 * network.count_params() <= size < 4.4 * network.count_params()
    write_files(tmp_path, files)
    loaded = tf.saved_model.load(tmp_path).variables
    for variable, weights in zip(loaded, network.get_weights(), strict=True):
        np.testing.assert_array_equal(variable.numpy(), weights)


@pytest.mark.parametrize("batch_size", [1, 7, 60, 100])
def test_the_answers_are_those_of_the_network_at_any_batch_size(files, images, expected, batch_size):
    answers = load_savedmodel(files)(images, batch_size)
    assert answers.dtype == np.float32
    np.testing.assert_allclose(answers, expected, rtol=0, atol=TOLERANCE)


@pytest.mark.landing
def test_a_process_without_this_package_gets_the_same_answers(files, images, expected, tmp_path):
    write_files(tmp_path / "saved_model", files)
    np.save(tmp_path / "images.npy", images)
    arguments = [tmp_path / "saved_model", tmp_path / "images.npy", tmp_path / "answers.npy"]
    subprocess.run([sys.executable, "-c", USER, *map(str, arguments)], check=True, cwd=tmp_path, timeout=120)
    np.testing.assert_allclose(np.load(tmp_path / "answers.npy"), expected, rtol=0, atol=TOLERANCE)


def test_nothing_is_printed(network, capfd):
    to_savedmodel(network)
    assert capfd.readouterr() == ("", "")
