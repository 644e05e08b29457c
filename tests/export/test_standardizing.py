"""Standardizing in the stem: every raw image is answered as before, at its edges above all."""

from collections import Counter
from dataclasses import replace

import keras
import numpy as np
import onnx
import pytest

from mnist_resnet.evaluation.providers import CPU_PROVIDER
from mnist_resnet.evaluation.session import open_session
from mnist_resnet.export.crop import crop
from mnist_resnet.export.fold import fold
from mnist_resnet.export.onnx import to_onnx
from mnist_resnet.export.quantize import to_int8
from mnist_resnet.export.rebuild import average_flips
from mnist_resnet.export.savedmodel import load_savedmodel, to_savedmodel
from mnist_resnet.export.standardizing import fold_standardizing
from mnist_resnet.export.variants.fp16 import to_fp16
from mnist_resnet.preprocessing import Preprocessing
from tests.export.test_fold import made_up

PAD, RESIZE = Preprocessing("pad", (12, 12), 50.0, 0.02), Preprocessing("resize", (13, 12), 50.0, 0.02)


def edge_images(size: int = 8) -> np.ndarray:
    """Black, white, of one edge each, of one corner, and noise: uint8 (16, size, size)."""
    images = np.random.default_rng(0).integers(0, 256, (16, size, size), dtype=np.uint8)
    images[:8] = 0
    images[1] = 255
    images[2, 0], images[3, -1], images[4, :, 0], images[5, :, -1], images[6, 0, 0], images[7, -1, -1] = [255] * 6
    return images


@pytest.mark.parametrize(
    "preprocessing",
    [PAD, RESIZE, replace(PAD, size=(8, 8)), replace(PAD, size=(11, 10)), replace(PAD, mean=0.0, scale=1 / 255)],
    ids=lambda each: f"{each.method} {each.size} mean {each.mean:g}",
)
@pytest.mark.parametrize(
    "changes",
    [{}, {"stem": "3x3"}, {"convolution_bias": True}, {"preactivation": True, "stem_norm": False, "stem": "3x3"}],
    ids=str,
)
def test_the_answers_stay_the_same(model_parameters, preprocessing, changes):
    network = made_up(replace(model_parameters, **changes), preprocessing)
    before = [weight.numpy() for weight in network.weights]
    for given in (network, fold(network)):
        answers = [np.asarray(each(edge_images(), training=False)) for each in (network, fold_standardizing(given))]
        assert np.ptp(answers[0]) > 0.01
        # The tolerance that exports are published with; float32 rounds some dozen products otherwise.
        np.testing.assert_allclose(*answers, rtol=0, atol=1e-5)
    for weight, kept in zip(network.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), kept)


def compact(model_parameters, preprocessing: Preprocessing, size: int = 28) -> keras.Model:
    return fold_standardizing(fold(crop(made_up(model_parameters, preprocessing, size))))


@pytest.mark.parametrize("method", ["pad", "resize"])
def test_exported_files_answer_raw_images_of_any_number(model_parameters, method):
    preprocessing = Preprocessing(method, (32, 32), 33.3, 0.0127)
    network, images = made_up(model_parameters, preprocessing, 28), edge_images(28)
    expected = np.asarray(network(images, training=False))
    exported = compact(model_parameters, preprocessing)
    content = to_onnx(exported, 17, {})
    forms = (load_savedmodel(to_savedmodel(exported)), open_session(content, [CPU_PROVIDER]).probabilities)
    for classify in forms:
        for batch_size in (1, 7, 16):
            np.testing.assert_allclose(classify(images, batch_size), expected, rtol=0, atol=1e-5)
    # Eight and eleven significant bits through a few layers.
    for file, tolerance in ((to_fp16(content), 0.02), (to_int8(content, images, "minmax"), 0.2)):
        received = open_session(file, [CPU_PROVIDER]).probabilities(images, 16)
        np.testing.assert_allclose(received, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize(
    ("preprocessing", "counts"),
    [
        (Preprocessing("pad", (32, 32), 33.0, 0.01), {"Cast": 1, "Pad": 2, "Resize": 0}),
        (Preprocessing("pad", (32, 32), 0.0, 1 / 255), {"Cast": 1, "Pad": 1, "Resize": 0}),
        (Preprocessing("resize", (32, 32), 33.0, 0.01), {"Cast": 1, "Pad": 1, "Resize": 1}),
    ],
    ids=["pad", "pad, mean 0", "resize"],
)
def test_no_operation_is_left_of_standardizing(model_parameters, preprocessing, counts):
    """What is left is a type, the size, and the stem's own padding; of sums, the residual one and the logits'."""
    graph = onnx.load_from_string(to_onnx(compact(model_parameters, preprocessing), 17, {})).graph
    counted = Counter(node.op_type for node in graph.node)
    assert {kind: counted[kind] for kind in (*counts, "Mul", "Add", "Transpose")} == {
        **counts,
        "Mul": 0,
        "Add": 2,
        "Transpose": 0,
    }


@pytest.mark.parametrize("method", ["pad", "resize"])
def test_what_is_stored_of_it_and_loaded_again_answers_the_same(model_parameters, method, tmp_path):
    """So it goes to the process that exports where Keras does not run on TensorFlow."""
    network = compact(model_parameters, Preprocessing(method, (32, 32), 33.3, 0.0127))
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras", compile=False, safe_mode=True)
    answers = [np.asarray(each(edge_images(28), training=False)) for each in (network, loaded)]
    np.testing.assert_array_equal(*answers)


def test_averaged_flips_answer_the_same(model_parameters):
    network = made_up(model_parameters, Preprocessing("pad", (32, 32), 33.3, 0.0127), 28)
    given = (average_flips(network), average_flips(fold_standardizing(fold(crop(network)))))
    expected, received = (np.asarray(each(edge_images(28), training=False)) for each in given)
    np.testing.assert_allclose(received, expected, rtol=0, atol=1e-5)


def test_int8_reads_the_very_pixels(model_parameters):
    """Raw pixels are the bytes themselves: quantizing them rounds nothing, and the padding to the nearest byte."""
    content = to_onnx(compact(model_parameters, PAD, 12), 17, {})
    graph = onnx.load_from_string(to_int8(content, edge_images(12), "minmax")).graph
    constants = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
    first = next(node for node in graph.node if node.op_type == "QuantizeLinear")
    assert [constants[name].item() for name in first.input[1:]] == [1, 0]
