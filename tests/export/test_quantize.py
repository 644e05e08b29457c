from collections import Counter
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest

from mnist_resnet.export.fold import fold
from mnist_resnet.export.onnx import to_onnx
from mnist_resnet.export.quantize import FORMS, SHIPPED_FORM, to_int8
from mnist_resnet.export.variants.fp16 import to_fp16
from mnist_resnet.models.resnet import build_network
from mnist_resnet.training.fit import train
from mnist_resnet.training.runtime import runtime

METADATA = {"class_names": ["left", "right", "below"]}


@pytest.fixture(scope="module")
def content(model_parameters, preprocessing, made_split, training_parameters) -> bytes:
    """An exported network, which all tests here share."""
    recipe = replace(training_parameters, precision="float32")
    with runtime(recipe):
        network = build_network(model_parameters, preprocessing, (8, 8), 3)
        train(network, made_split, recipe, "Made squares")
    return to_onnx(fold(network), 17, METADATA)


def answers(content: bytes, images: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (outputs,) = session.run(["probabilities"], {"image": images})
    return outputs


@pytest.mark.parametrize(("method", "count"), [("minmax", 64), ("minmax", 37), ("entropy", 40), ("percentile", 50)])
def test_int8_answers_nearly_the_same(content, made_data, method, count):
    images = made_data.arrays["test_images"]
    quantized = to_int8(content, made_data.arrays["train_images"][:count], method)
    expected, received = answers(content, images), answers(quantized, images)
    assert (expected.argmax(axis=1) == received.argmax(axis=1)).mean() > 0.9
    assert 0 < np.abs(expected - received).max() < 0.3


def batch_axes(content: bytes) -> list[str]:
    graph = onnx.load_from_string(content).graph
    return [value.type.tensor_type.shape.dim[0].dim_param for value in (*graph.input, *graph.output)]


def test_every_form_calls_its_batch_axis_by_the_same_name(content, made_data):
    images = made_data.arrays["train_images"][:32]
    for file in (content, to_int8(content, images, "minmax"), to_fp16(content)):
        assert batch_axes(file) == ["N", "N"]


def weights(content: bytes) -> list[np.ndarray]:
    """All of one byte, without the zero points beside them."""
    constants = [onnx.numpy_helper.to_array(each) for each in onnx.load_from_string(content).graph.initializer]
    return [each for each in constants if each.dtype in (np.int8, np.uint8) and each.ndim == 4]


def test_no_sum_of_two_products_can_exceed_16_bits(content, made_data):
    images = made_data.arrays["train_images"][:32]
    largest = {
        form: max(np.abs(each.astype(int)).max() for each in weights(to_int8(content, images, "minmax", form)))
        for form in (SHIPPED_FORM, FORMS["U8S8"])
    }
    assert largest[SHIPPED_FORM] == 64
    assert 2 * 255 * largest[SHIPPED_FORM] < 2**15 < 2 * 255 * largest[FORMS["U8S8"]]


@pytest.mark.parametrize(("form", "kinds"), [("U8S8", "ui"), ("U8S7", "ui"), ("U8U8", "uu"), ("S8S8", "ii")])
def test_each_form_has_its_kinds_of_integers_and_nearly_the_same_answers(content, made_data, form, kinds):
    file = to_int8(content, made_data.arrays["train_images"][:32], "minmax", FORMS[form])
    assert {each.dtype.kind for each in weights(file)} == {kinds[1]}
    model = onnx.load_from_string(file)
    constants = {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer}
    quantizing = [node for node in model.graph.node if node.op_type == "QuantizeLinear"]
    assert {constants[node.input[2]].dtype.kind for node in quantizing} == {kinds[0]}
    images = made_data.arrays["test_images"]
    np.testing.assert_allclose(answers(file, images), answers(content, images), rtol=0, atol=0.3)


def test_the_last_product_and_the_softmax_stay_in_float32(content, made_data):
    model = onnx.load_from_string(to_int8(content, made_data.arrays["train_images"][:64], "minmax"))
    makers = {name: node.op_type for node in model.graph.node for name in node.output}
    (product,) = [node for node in model.graph.node if node.op_type in {"MatMul", "Gemm"}]
    (softmax,) = [node for node in model.graph.node if node.op_type == "Softmax"]
    constants = {each.name: each.data_type for each in model.graph.initializer}
    assert constants[product.input[1]] == onnx.TensorProto.FLOAT
    assert makers[softmax.input[0]] in {"Add", "Gemm"}
    assert makers["probabilities"] == "Softmax"
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    assert {makers[node.input[1]] for node in convolutions} == {"DequantizeLinear"}


def test_the_image_is_prepared_in_float32_and_quantized_once(content, made_data):
    graph = onnx.load_from_string(to_int8(content, made_data.arrays["train_images"][:32], "minmax")).graph
    first = next(place for place, node in enumerate(graph.node) if node.op_type == "Conv")
    leading = [node.op_type for node in graph.node[:first]]
    assert {"Cast", "Pad"} <= set(leading)
    assert leading.count("QuantizeLinear") == 1


def test_int8_has_integer_weights_by_channel_and_the_same_face(content, made_data):
    model = onnx.load_from_string(to_int8(content, made_data.arrays["train_images"][:64], "minmax"))
    kinds = Counter(each.data_type for each in model.graph.initializer)
    assert kinds[onnx.TensorProto.INT8] >= 3  # convolutions
    by_channel = [each for each in model.graph.initializer if each.data_type == onnx.TensorProto.FLOAT and each.dims]
    assert {tuple(each.dims) for each in by_channel} >= {(16,)}
    assert [value.name for value in (*model.graph.input, *model.graph.output)] == ["image", "probabilities"]
    assert [(each.key, each.value) for each in model.metadata_props] == [("class_names", '["left", "right", "below"]')]


def test_int8_says_nothing_on_the_screen(content, made_data, capfd):
    to_int8(content, made_data.arrays["train_images"][:32], "entropy")
    assert capfd.readouterr().out == ""


def test_fp16_halves_the_file_and_keeps_its_face(content, made_data):
    halved = to_fp16(content)
    model = onnx.load_from_string(halved)
    assert len(halved) < 0.75 * len(content)
    assert [value.type.tensor_type.elem_type for value in (*model.graph.input, *model.graph.output)] == [
        onnx.TensorProto.UINT8,
        onnx.TensorProto.FLOAT,
    ]
    images = made_data.arrays["test_images"]
    # Eleven significant bits through a few layers.
    np.testing.assert_allclose(answers(halved, images), answers(content, images), rtol=0, atol=0.02)
