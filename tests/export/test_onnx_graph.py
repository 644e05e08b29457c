"""Changes to ONNX graphs, on graphs of a few nodes."""

from collections import Counter

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from mnist_resnet.export.onnx_graph import remove_idle_reshapes

IMAGES = np.random.default_rng(0).normal(size=(3, 4, 2, 2)).astype(np.float32)


def reshaped_twice(channels: int) -> onnx.ModelProto:
    """Float32 (N, 4, 2, 2), reshaped to the shape that it has, and to one that may be another."""
    nodes = [
        helper.make_node("Relu", ["image"], ["positive"]),
        helper.make_node("Reshape", ["positive", "same"], ["once"]),
        helper.make_node("Reshape", ["once", "other"], ["twice"]),
        helper.make_node("Neg", ["twice"], ["answer"]),
    ]
    size = 8 // channels
    graph = helper.make_graph(
        nodes,
        "reshapes",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 4, 2, 2])],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, ["N", channels, size, 2])],
        [
            numpy_helper.from_array(np.array(shape, np.int64), name)
            for name, shape in (("same", [-1, 4, 2, 2]), ("other", [-1, channels, size, 2]))
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize(("channels", "left"), [(4, 0), (2, 1)])
def test_a_reshape_to_the_same_shape_is_left_out(channels, left):
    model = reshaped_twice(channels)
    (expected,) = ReferenceEvaluator(model).run(None, {"image": IMAGES})
    remove_idle_reshapes(model)
    assert Counter(node.op_type for node in model.graph.node) == Counter({"Relu": 1, "Reshape": left, "Neg": 1})
    onnx.checker.check_model(model, full_check=True)
    (received,) = ReferenceEvaluator(model).run(None, {"image": IMAGES})
    np.testing.assert_array_equal(received, expected)
