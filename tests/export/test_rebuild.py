from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import keras
import numpy as np
import onnx
import pytest
import tensorflow as tf
from onnx import numpy_helper

from mnist_resnet.evaluation.providers import CPU_PROVIDER
from mnist_resnet.evaluation.session import open_session
from mnist_resnet.export import rebuild as module
from mnist_resnet.export.onnx import to_onnx
from mnist_resnet.export.parity_check import check_parity
from mnist_resnet.export.rebuild import average_flips, in_float64, rebuild
from mnist_resnet.export.savedmodel import load_savedmodel, to_savedmodel
from mnist_resnet.models.resnet import build_network
from mnist_resnet.storage.artifacts import write_files
from mnist_resnet.training.fit import train
from mnist_resnet.training.runtime import runtime

# bfloat16 has 8 significant bits, and the error of a few layers of it reaches the logits.
BFLOAT16_TOLERANCE = 0.05


pytestmark = pytest.mark.usefixtures("precision_before")


@pytest.fixture(scope="module")
def trained(model_parameters, preprocessing, made_split, training_parameters) -> keras.Model:
    """A network that was trained in half precision."""
    recipe = replace(training_parameters, precision="mixed_bfloat16", epochs=1)
    with runtime(recipe):
        network = build_network(model_parameters, preprocessing, (8, 8), 3)
        train(network, made_split, recipe, "Made squares")
    assert network.get_layer("stem_conv").compute_dtype == "bfloat16"
    return network


@pytest.fixture(scope="module")
def again(trained, model_parameters, preprocessing, made_data) -> Callable[[], keras.Model]:
    return lambda: rebuild(trained, model_parameters, preprocessing, made_data.dataset)


@pytest.fixture(scope="module")
def network(again) -> keras.Model:
    return again()


@pytest.fixture(scope="module")
def averaging(again) -> keras.Model:
    return average_flips(again())


def test_all_weights_are_taken_over_and_none_can_be_trained(trained, network):
    assert trained.trainable_weights
    assert network.trainable_weights == []
    assert len(network.weights) == len(trained.weights)
    for one, other in zip(trained.weights, network.weights, strict=True):
        assert one.path == other.path
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_no_layer_computes_in_half_precision(network):
    assert {layer.compute_dtype for layer in network.layers} <= {"float32", "uint8"}
    assert network.get_layer("stem_conv").compute_dtype == "float32"


def test_the_answers_are_those_of_the_trained_network(trained, network, made_data):
    images = made_data.arrays["test_images"]
    answers = [np.asarray(each(images, training=False)) for each in (trained, network)]
    assert np.ptp(answers[0]) > 0.5
    np.testing.assert_allclose(*answers, rtol=0, atol=BFLOAT16_TOLERANCE)


def test_the_precision_is_put_back(again):
    keras.config.set_dtype_policy("mixed_float16")
    again()
    assert keras.config.dtype_policy().name == "mixed_float16"


def test_the_precision_is_put_back_after_an_error(again, monkeypatch):
    def refuse(*_):
        assert keras.config.dtype_policy().name == "float32"
        raise KeyError

    monkeypatch.setattr(module, "build_network", refuse)
    keras.config.set_dtype_policy("mixed_float16")
    with pytest.raises(KeyError):
        again()
    assert keras.config.dtype_policy().name == "mixed_float16"


def test_weights_of_another_network_are_refused(trained, model_parameters, preprocessing, made_data):
    more_classes = replace(made_data.dataset, class_names=("left", "right", "below", "above"))
    with pytest.raises(ValueError, match="shape"):
        rebuild(trained, model_parameters, preprocessing, more_classes)


def test_with_both_views_the_answer_is_their_mean(network, averaging, made_data):
    images = made_data.arrays["test_images"]
    views = [np.asarray(network(each, training=False)) for each in (images, images[:, :, ::-1])]
    assert np.abs(views[0] - views[1]).max() > 0.01
    # A sum and a half of two shares: one rounding.
    np.testing.assert_allclose(averaging(images, training=False), (views[0] + views[1]) / 2, rtol=0, atol=1e-6)


def test_with_both_views_a_mirror_image_has_the_same_answer(averaging, made_data):
    images = made_data.arrays["test_images"]
    answers = [np.asarray(averaging(each, training=False)) for each in (images, images[:, :, ::-1])]
    np.testing.assert_allclose(*answers, rtol=0, atol=1e-6)


def test_with_both_views_input_output_and_weights_are_still_those_of_one(trained, averaging):
    (image,), (probabilities,) = averaging.inputs, averaging.outputs
    assert (image.name, image.dtype, image.shape) == ("image", "uint8", (None, 8, 8))
    assert averaging.output_names == ["probabilities"]
    assert (probabilities.dtype, probabilities.shape) == ("float32", (None, 3))
    assert averaging.name == "resnet_tiny"
    assert averaging.count_params() == trained.count_params()
    assert averaging.trainable_weights == []


def test_with_both_views_nothing_is_computed_in_half_precision(again):
    keras.config.set_dtype_policy("mixed_float16")
    network = average_flips(again())
    assert keras.config.dtype_policy().name == "mixed_float16"
    assert {layer.compute_dtype for layer in network.layers} <= {"float32", "uint8"}
    assert network.outputs[0].dtype == "float32"


def test_with_both_views_the_exports_agree_and_have_no_other_names(averaging, made_data, export_parameters, tmp_path):
    savedmodel, onnx_model = to_savedmodel(averaging), to_onnx(averaging, 17, {})
    parameters = replace(export_parameters, parity_batch_sizes=(1, 7, 60))
    formats = {
        "savedmodel": load_savedmodel(savedmodel),
        "onnx": open_session(onnx_model, [CPU_PROVIDER]).probabilities,
    }
    parity = check_parity(averaging, formats, made_data.arrays["test_images"], parameters)
    assert max(parity["savedmodel_max_abs_diff"], parity["onnx_max_abs_diff"]) <= 1e-5
    assert parity["argmax_agreement"] == 1

    graph = onnx.load_from_string(onnx_model).graph
    assert [value.name for value in graph.input] == ["image"]
    assert [value.name for value in graph.output] == ["probabilities"]
    write_files(tmp_path, savedmodel)
    answer = tf.saved_model.load(tmp_path).signatures["serving_default"]
    assert list(answer.structured_input_signature[1]) == ["image"]
    assert list(answer.structured_outputs) == ["probabilities"]


def test_the_mirror_image_is_one_gathering_of_columns(again):
    """And nothing is computed of a shape, which onnxruntime would do on the CPU, apart from a CUDA graph."""
    network = again()
    one, both = (onnx.load_from_string(to_onnx(each, 17, {})).graph for each in (network, average_flips(again())))
    kinds = Counter(node.op_type for node in both.node)
    [gather] = [node for node in both.node if node.op_type == "Gather"]
    [columns] = [each for each in both.initializer if each.name == gather.input[1]]
    assert (gather.input[0], numpy_helper.to_array(columns).tolist()) == ("image", [7, 6, 5, 4, 3, 2, 1, 0])
    assert set(kinds) == {node.op_type for node in one.node} | {"Gather", "Add", "Mul"}


@pytest.mark.parametrize("both_views", [False, True])
def test_in_float64_nothing_is_rounded_to_float32(network, averaging, made_data, both_views):
    network = averaging if both_views else network
    exact, images = in_float64(network), made_data.arrays["test_images"]
    answers = np.asarray(exact(images, training=False))
    assert answers.dtype == np.float64
    # Sums of float64 probabilities are 1 within its rounding, those of float32 only within 1e-7.
    np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=0, atol=1e-14)
    difference = np.abs(answers - np.asarray(network(images, training=False))).max()
    assert 0 < difference < 1e-5
    assert keras.config.dtype_policy().name != "float64"
