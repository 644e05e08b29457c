import hashlib

import keras
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mnist_resnet.storage.digests import digest_of_array, digests_of_onnx, digests_of_tensors, digests_of_weights


def test_the_digest_of_an_array_is_that_of_type_shape_and_values():
    array = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)
    assert digest_of_array(array) == hashlib.sha256(b"uint8 (2, 3)\n\x01\x02\x03\x04\x05\x06").hexdigest()


@pytest.mark.parametrize(
    "other",
    [
        np.array([[1, 2, 3], [4, 5, 7]], np.uint8),
        np.array([[1, 2], [3, 4], [5, 6]], np.uint8),
        np.array([[1, 2, 3], [4, 5, 6]], np.int8),
        np.array([[1, 2, 3, 4, 5, 6]], np.uint8),
    ],
    ids=["value", "shape", "type", "dimension"],
)
def test_what_differs_in_value_shape_or_type_differs_in_digest(other):
    assert digest_of_array(other) != digest_of_array(np.array([[1, 2, 3], [4, 5, 6]], np.uint8))


def test_the_layout_in_memory_has_no_influence(tmp_path):
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    np.save(tmp_path / "array.npy", array)
    others = [
        np.asfortranarray(array),
        np.repeat(array, 2, axis=2)[..., ::2],
        np.load(tmp_path / "array.npy", mmap_mode="r"),
        array.astype(">f4"),
    ]
    assert {digest_of_array(other) for other in others} == {digest_of_array(array)}


def test_scalars_and_empty_arrays_have_digests_of_their_own():
    assert digest_of_array(np.float32(1)) != digest_of_array(np.array([1], np.float32))
    assert digest_of_array(np.zeros((0, 8, 8), np.uint8)) != digest_of_array(np.zeros((0, 8), np.uint8))


def test_positive_and_negative_zero_differ():
    assert digest_of_array(np.array([0.0])) != digest_of_array(np.array([-0.0]))


def test_tensors_come_in_the_order_of_their_names():
    one, two = np.zeros(1), np.ones(1)
    digests = digests_of_tensors({"b": two, "a": one})
    assert list(digests) == ["a", "b"]
    assert digests == digests_of_tensors({"a": one, "b": two})


def test_weights_are_named_by_their_paths():
    image = keras.Input((2,))
    network = keras.Model(image, keras.layers.Dense(3, name="head")(image))
    digests = digests_of_weights(network)
    assert digests == {
        "head/bias": digest_of_array(np.zeros(3, np.float32)),
        "head/kernel": digest_of_array(network.get_weights()[0]),
    }


def onnx_model(
    names: str = "{}", swapped: bool = False, first: float = 1.0, operation: str = "Relu", alpha: float = 1.0, **more
) -> bytes:
    """Two branches over one input, joined: ``alpha * (x @ first)`` and ``operation(x @ second)``."""
    named = names.format
    weights = {"first": np.full((2, 3), first, np.float32), "second": np.full((2, 3), 2.0, np.float32)}
    attributes = {"alpha": alpha, "transB": 0}
    branches = [
        helper.make_node("Gemm", ["image", named("first")], [named("left")], **attributes),
        helper.make_node("MatMul", ["image", named("second")], [named("product")]),
        helper.make_node(operation, [named("product")], [named("right")]),
    ]
    order = [1, 2, 0] if swapped else [0, 1, 2]
    nodes = [branches[place] for place in order]
    nodes.append(helper.make_node("Sub", [named("left"), named("right")], ["probabilities"]))
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 2])
    answer = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 3])
    initializers = [numpy_helper.from_array(array, named(name)) for name, array in weights.items()]
    graph = helper.make_graph(nodes, named("graph"), [image], [answer], initializers[::-1] if swapped else initializers)
    opset = helper.make_opsetid("", more.get("opset", 17))
    model = helper.make_model(graph, opset_imports=[opset], producer_version=named("1"), ir_version=8)
    helper.set_model_props(model, {"recipe": named("base")})
    onnx.checker.check_model(model)
    return model.SerializeToString()


def test_names_order_and_metadata_of_an_onnx_file_have_no_influence():
    assert digests_of_onnx(onnx_model("other_{}", swapped=True)) == digests_of_onnx(onnx_model())


def test_other_weights_leave_the_graph_as_it_is():
    before, after = digests_of_onnx(onnx_model()), digests_of_onnx(onnx_model(first=1.5))
    assert after["graph"] == before["graph"]
    assert after["initializers"] != before["initializers"]


def test_weights_that_have_changed_places_are_seen():
    changed = onnx.load_model_from_string(onnx_model())
    one, two = changed.graph.initializer
    one.name, two.name = two.name, one.name
    before, after = digests_of_onnx(onnx_model()), digests_of_onnx(changed.SerializeToString())
    assert after["initializers"] != before["initializers"]


@pytest.mark.parametrize("change", [{"operation": "Tanh"}, {"alpha": 0.5}, {"opset": 18}])
def test_another_operation_attribute_or_version_is_another_graph(change):
    assert digests_of_onnx(onnx_model(**change))["graph"] != digests_of_onnx(onnx_model())["graph"]


def test_a_constant_within_the_graph_is_part_of_it():
    def model(value: float) -> bytes:
        constant = numpy_helper.from_array(np.array([value], np.float32), "any name")
        nodes = [
            helper.make_node("Constant", [], ["c"], value=constant),
            helper.make_node("Add", ["image", "c"], ["answer"]),
        ]
        values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in ("image", "answer")]
        return helper.make_model(helper.make_graph(nodes, "g", values[:1], values[1:])).SerializeToString()

    assert digests_of_onnx(model(1.0)) == digests_of_onnx(model(1.0))
    assert digests_of_onnx(model(1.0))["graph"] != digests_of_onnx(model(2.0))["graph"]
