"""Convolutions as products: what the rewritten graph computes is what the convolutions compute."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from mnist_resnet.evaluation.kernels import compare_kernels
from mnist_resnet.evaluation.session import cpu_probabilities
from mnist_resnet.export.crop import crop
from mnist_resnet.export.fold import fold
from mnist_resnet.export.onnx import to_onnx
from mnist_resnet.export.products import multiply_small_images
from mnist_resnet.export.quantize import to_int8
from mnist_resnet.export.rebuild import average_flips
from mnist_resnet.export.standardizing import fold_standardizing
from mnist_resnet.export.variants.fp16 import to_fp16
from mnist_resnet.preprocessing import Preprocessing
from tests.export.test_fold import made_up

METADATA = {"class_names": ["left", "right", "below"]}
# Sums of a few thousand float32 products in another order.
TOLERANCE = 1e-5
# Of probabilities, which are at most 1; 10,000 test images of the base recipe showed 7e-7.
TOLERANCE_OF_FORMS = 1e-6


def convolution(
    size: tuple[int, int],
    kernel: tuple[int, int],
    strides: int,
    pads: Sequence[int],
    *,
    bias: bool = True,
    group: int = 1,
) -> bytes:
    """A convolution of float32 (N, 4, *size) to six channels, with a ReLU and a sum behind it."""
    generator = np.random.default_rng(0)
    shape = (6, 4 // group, *kernel) if group == 1 else (4, 4 // group, *kernel)
    arrays = {"kernel": generator.normal(size=shape).astype(np.float32)}
    if bias:
        arrays["bias"] = generator.normal(size=shape[0]).astype(np.float32)
    nodes = [
        helper.make_node("Identity", ["image"], ["before"], "before"),
        helper.make_node("Conv", ["before", *arrays], ["after"], "conv", strides=[strides] * 2, pads=pads, group=group),
        helper.make_node("Relu", ["after"], ["positive"], "relu"),
        helper.make_node("Add", ["positive", "after"], ["sum"], "add"),
        helper.make_node("GlobalAveragePool", ["sum"], ["answer"], "pool"),
    ]
    graph = helper.make_graph(
        nodes,
        "convolution",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 4, *size])],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, ["N", shape[0], 1, 1])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def kinds(content: bytes) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load_from_string(content).graph.node)


def answers(content: bytes, images: np.ndarray) -> list[np.ndarray]:
    """By onnxruntime and by the reference."""
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return [evaluator.run(None, {"image": images})[0] for evaluator in (session, ReferenceEvaluator(content))]


@pytest.mark.parametrize(
    ("size", "kernel", "strides", "pads"),
    [
        ((2, 2), (3, 3), 1, (1, 1, 1, 1)),
        ((2, 2), (2, 2), 2, (0, 0, 0, 0)),
        ((2, 2), (3, 3), 2, (0, 0, 1, 1)),
        ((1, 1), (1, 1), 1, (0, 0, 0, 0)),
        ((1, 1), (3, 3), 1, (1, 1, 1, 1)),
        ((1, 3), (3, 3), 1, (1, 1, 1, 1)),
        ((2, 3), (3, 3), 2, (1, 1, 1, 1)),
        ((3, 3), (3, 3), 1, (0, 0, 0, 0)),
    ],
)
@pytest.mark.parametrize("bias", [True, False])
def test_a_convolution_of_a_small_image_is_one_product(size, kernel, strides, pads, bias):
    content = convolution(size, kernel, strides, pads, bias=bias)
    multiplied = multiply_small_images(content)
    layout = Counter(["Transpose", "Reshape"])
    assert kinds(multiplied) == kinds(content) - Counter(["Conv"]) + Counter(["Gemm"]) + layout + layout
    for count in (1, 5):
        images = np.random.default_rng(1).normal(size=(count, 4, *size)).astype(np.float32)
        (expected, _), received = answers(content, images), answers(multiplied, images)
        for each in received:
            np.testing.assert_allclose(each, expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(
    "content",
    [
        convolution((4, 4), (3, 3), 1, (1, 1, 1, 1)),
        convolution((3, 3), (3, 3), 1, (1, 1, 1, 1)),
        convolution((2, 3), (3, 3), 1, (1, 1, 1, 1)),
        convolution((2, 2), (1, 1), 2, (0, 0, 0, 0)),
        convolution((2, 2), (3, 3), 1, (1, 1, 1, 1), group=4),
    ],
    ids=[
        "image larger than the kernel",
        "as many products of nine times the weights",
        "four times the weights",
        "kernel of fewer places",
        "channels by themselves",
    ],
)
def test_any_other_convolution_stays(content):
    assert multiply_small_images(content) is None


def test_what_a_mean_of_one_place_leaves_is_multiplied_too():
    generator = np.random.default_rng(0)
    model = onnx.load_from_string(convolution((2, 2), (2, 2), 1, (0, 0, 0, 0)))
    (mean,) = [node for node in model.graph.node if node.op_type == "GlobalAveragePool"]
    mean.output[0] = "mean"
    model.graph.initializer.append(
        numpy_helper.from_array(generator.normal(size=(6, 6, 1, 1)).astype(np.float32), "last")
    )
    model.graph.node.append(helper.make_node("Conv", ["mean", "last"], ["conv_of_mean"], "conv_of_mean"))
    model.graph.node.append(helper.make_node("Relu", ["conv_of_mean"], ["answer"], "positive_mean"))
    content = model.SerializeToString()
    multiplied = multiply_small_images(content)
    assert (kinds(multiplied)["Gemm"], kinds(multiplied)["GlobalAveragePool"]) == (2, 0)
    images = generator.normal(size=(5, 4, 2, 2)).astype(np.float32)
    (expected, _), received = answers(content, images), answers(multiplied, images)
    for each in received:
        np.testing.assert_allclose(each, expected, rtol=0, atol=TOLERANCE)


def exported(parameters, size: int = 32) -> tuple[keras.Model, bytes]:
    made = made_up(parameters, Preprocessing("pad", (size, size), 33.0, 0.01), size=28)
    network = fold_standardizing(fold(crop(made)))
    return network, to_onnx(network, 17, METADATA)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"preactivation": True},
        {"head": "flatten", "hidden_units": 20},
        {"convolution_bias": True, "projection_norm": False},
    ],
    ids=str,
)
def test_a_network_answers_as_before(model_parameters, changes):
    network, content = exported(replace(model_parameters, architecture="resnet10", **changes))
    multiplied = multiply_small_images(content)
    assert kinds(multiplied)["Gemm"] >= 3
    images = np.random.default_rng(0).integers(0, 256, (7, 28, 28), dtype=np.uint8)
    expected = np.asarray(network(images, training=False))
    assert np.ptp(expected) > 0.01
    for count in (1, 7):
        (as_exported, _), received = answers(content, images[:count]), answers(multiplied, images[:count])[0]
        np.testing.assert_allclose(received, expected[:count], rtol=0, atol=TOLERANCE)
        np.testing.assert_allclose(received, as_exported, rtol=0, atol=TOLERANCE_OF_FORMS)


@pytest.mark.landing
def test_resnet18_multiplies_seven_times_and_has_the_same_face(model_parameters):
    """Three convolutions of stage 3 see 2×2 images, one of stage 4 a 2×2 and three a 1×1; projections stay."""
    _, content = exported(replace(model_parameters, architecture="resnet18"))
    multiplied = multiply_small_images(content)
    before, after = kinds(content), kinds(multiplied)
    assert before["Conv"] - after["Conv"] == after["Gemm"] == 7
    assert set(after) == {*before, "Gemm", "Transpose"} - {"GlobalAveragePool", "Squeeze"}
    one, other = (onnx.load_from_string(each) for each in (content, multiplied))
    assert (list(one.graph.input), list(one.graph.output)) == (list(other.graph.input), list(other.graph.output))
    assert list(one.metadata_props) == list(other.metadata_props)
    assert {each.name for each in other.graph.initializer} <= {name for node in other.graph.node for name in node.input}
    assert multiply_small_images(content) == multiplied  # to the byte


def test_where_no_image_is_small_nothing_changes(model_parameters):
    _, content = exported(replace(model_parameters, architecture="resnet_tiny"))
    assert multiply_small_images(content) is None


@pytest.fixture(scope="module")
def multiplied(model_parameters) -> bytes:
    _, content = exported(replace(model_parameters, architecture="resnet10"))
    return multiply_small_images(content)


def test_an_image_and_its_mirror_image_share_their_matrices(model_parameters):
    parameters = replace(model_parameters, architecture="resnet10")
    network = fold_standardizing(fold(crop(made_up(parameters, Preprocessing("pad", (32, 32), 33.0, 0.01), size=28))))
    once, twice = (multiply_small_images(to_onnx(each, 17, {})) for each in (network, average_flips(network)))
    assert kinds(twice)["Gemm"] == 2 * kinds(once)["Gemm"]
    assert len(twice) < 1.1 * len(once)


def test_fp16_is_made_of_it(multiplied):
    images = np.random.default_rng(0).integers(0, 256, (8, 28, 28), dtype=np.uint8)
    (expected, _), (received, _) = answers(multiplied, images), answers(to_fp16(multiplied), images)
    np.testing.assert_allclose(received, expected, rtol=0, atol=0.05)  # eleven significant bits through twelve layers


def test_int8_multiplies_integers_whose_sums_nothing_cuts(multiplied):
    """Matrices have weights of 7 bits as kernels have, by column, and integer kernels compute what the file says."""
    images = np.random.default_rng(0).integers(0, 256, (32, 28, 28), dtype=np.uint8)
    file = to_int8(multiplied, images, "minmax")
    model = onnx.load_from_string(file)
    makers = {name: node for node in model.graph.node for name in node.output}
    constants = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    products = [node for node in model.graph.node if node.op_type == "Gemm"]
    assert len(products) >= 3
    for node in products:
        weights, scales, *_ = (constants[name] for name in makers[node.input[1]].input)
        assert (weights.dtype, np.abs(weights.astype(int)).max()) == (np.int8, 64)
        assert scales.shape == (weights.shape[1],)
    assert compare_kernels(file, images, cpu_probabilities(file, images)).within(0.05)


@pytest.mark.parametrize(
    ("architecture", "method", "products", "convolutions"),
    [
        ("resnet10", "pad", 3, 9),
        pytest.param("resnet18", "pad", 7, 13, marks=pytest.mark.landing),
        pytest.param("resnet18", "resize", 7, 13, marks=pytest.mark.landing),
    ],
)
def test_onnxruntime_fuses_all_of_int8(model_parameters, architecture, method, products, convolutions, tmp_path):
    """One quantization in front of the integer kernels, one behind them, and nothing transposed but the image."""
    preprocessing = Preprocessing(method, (32, 32), 33.3, 0.01)
    made = made_up(replace(model_parameters, architecture=architecture), preprocessing, 28)
    multiplied = multiply_small_images(to_onnx(fold_standardizing(fold(crop(made))), 17, METADATA))
    images = np.random.default_rng(0).integers(0, 256, (8, 28, 28), dtype=np.uint8)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # a warning says that the optimized file is for this processor alone
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    onnxruntime.InferenceSession(to_int8(multiplied, images, "minmax"), options, providers=["CPUExecutionProvider"])
    found = kinds((tmp_path / "optimized.onnx").read_bytes())
    assert (found["QGemm"], found["QLinearConv"]) == (products, convolutions)
    assert (found["QuantizeLinear"], found["DequantizeLinear"]) == (1, 1)
    assert found["Transpose"] <= 1
    assert found.keys().isdisjoint({"Conv", "Add", "Relu", "MaxPool", "GlobalAveragePool", "ReduceMean", "Squeeze"})
