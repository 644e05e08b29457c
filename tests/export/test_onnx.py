import json

import keras
import numpy as np
import onnx
import onnxruntime
import pytest

from mnist_resnet.export.onnx import to_onnx
from mnist_resnet.models.resnet import build_network

METADATA = {"class_names": ("left", "right", "Größe"), "dataset": "Made squares", "recipe": "base"}

# Two implementations of the same float32 network: units of 6e-8, a few dozen of them.
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def network(model_parameters, preprocessing) -> keras.Model:
    keras.utils.set_random_seed(0)
    return build_network(model_parameters, preprocessing, (8, 8), 3)


@pytest.fixture(scope="module")
def content(network) -> bytes:
    return to_onnx(network, 17, METADATA)


def dimensions(value: onnx.ValueInfoProto) -> list[int | str]:
    shape = value.type.tensor_type.shape
    return [dimension.dim_value or dimension.dim_param for dimension in shape.dim]


def classify(content: bytes, images: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (outputs,) = session.run(["probabilities"], {"image": images})
    return outputs


def test_input_and_output_have_names_and_types(content):
    graph = onnx.load_from_string(content).graph
    (image,), (probabilities,) = graph.input, graph.output
    assert (image.name, image.type.tensor_type.elem_type) == ("image", onnx.TensorProto.UINT8)
    assert (probabilities.name, probabilities.type.tensor_type.elem_type) == ("probabilities", onnx.TensorProto.FLOAT)
    assert dimensions(image) == ["N", 8, 8]
    assert dimensions(probabilities) == ["N", 3]


@pytest.mark.parametrize("count", [1, 2, 60])
def test_onnxruntime_gives_the_networks_answers(content, network, made_data, count):
    images = made_data.arrays["test_images"][:count]
    answers = classify(content, images)
    assert answers.dtype == np.float32
    np.testing.assert_allclose(answers, np.asarray(network(images, training=False)), rtol=0, atol=TOLERANCE)


def test_metadata_is_json_by_key(content):
    properties = {each.key: json.loads(each.value) for each in onnx.load_from_string(content).metadata_props}
    assert properties == {**METADATA, "class_names": ["left", "right", "Größe"]}


@pytest.mark.parametrize("opset", [13, 15, 18])
def test_the_operator_set_is_the_one_asked_for(network, made_data, opset):
    content = to_onnx(network, opset, {})
    model = onnx.load_from_string(content)
    assert {each.domain: each.version for each in model.opset_import}[""] == opset
    images = made_data.arrays["test_images"][:4]
    np.testing.assert_allclose(
        classify(content, images), np.asarray(network(images, training=False)), rtol=0, atol=TOLERANCE
    )


def test_only_standard_operators_are_used_and_the_checker_agrees(content):
    model = onnx.load_from_string(content)
    onnx.checker.check_model(model, full_check=True)
    assert {node.domain for node in model.graph.node} <= {"", "ai.onnx"}
    assert model.graph.name == "resnet_tiny"


def test_nothing_is_left_that_no_operation_reads(content):
    graph = onnx.load_from_string(content).graph
    assert "Reshape" in {node.op_type for node in graph.node}
    assert {each.name for each in graph.initializer} <= {name for node in graph.node for name in node.input}


def test_a_file_that_the_checker_refuses_is_not_returned(network, monkeypatch):
    def refuse(*_, **__):
        raise onnx.checker.ValidationError("broken")

    monkeypatch.setattr(onnx.checker, "check_model", refuse)
    with pytest.raises(onnx.checker.ValidationError, match="broken"):
        to_onnx(network, 17, {})


def test_nothing_is_printed(network, capfd):
    to_onnx(network, 17, {})
    assert capfd.readouterr() == ("", "")
