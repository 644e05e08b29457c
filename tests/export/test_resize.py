"""Resized images: what the exported graph infers and computes is what Keras computes."""

from collections import Counter
from functools import cache
from itertools import product

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from mnist_resnet.export.onnx import to_onnx
from mnist_resnet.export.quantize import to_int8
from mnist_resnet.export.resize import raise_scales
from mnist_resnet.export.variants.fp16 import to_fp16
from mnist_resnet.models.resnet import build_network
from mnist_resnet.preprocessing import Preprocessing

# Pixels of 0 to 255; places between them are rounded to float32, units of 8e-6, before values are mixed.
TOLERANCE = 2e-3

# Where the size, as float32 scales have it, is rounded down to one less: 50 * float32(32 / 50) = 31.99....
FALLING_SHORT = [(50, 32), (28, 50), (28, 9), (28, 127), (25, 32), (127, 28)]
EXACT = [(28, 32), (28, 56), (32, 28), (28, 96), (64, 28), (9, 9)]


def resizing(before: tuple[int, int], after: tuple[int, int], opset: int = 17) -> onnx.ModelProto:
    """A graph that resizes float32 (N, 1, *before), as converters write it: by scales."""
    scales = np.array([1, 1, after[0] / before[0], after[1] / before[1]], np.float32)
    attributes = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    nodes = [
        helper.make_node("Identity", ["image"], ["raw"], "raw"),
        helper.make_node("Resize", ["raw", "", "scales"], ["resized"], "resize", **attributes),
        helper.make_node("Identity", ["resized"], ["answer"], "answer"),
    ]
    graph = helper.make_graph(
        nodes,
        "resizing",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, *before])],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, ["N", 1, None, None])],
        [numpy_helper.from_array(scales, "scales")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def raised(before: tuple[int, int], after: tuple[int, int], opset: int = 17) -> onnx.ModelProto:
    model = resizing(before, after, opset)
    raise_scales(model)
    onnx.checker.check_model(model, full_check=True)
    return model


def inferred(model: onnx.ModelProto) -> list[int | str]:
    model = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    shape = model.graph.output[0].type.tensor_type.shape
    return [each.dim_value or each.dim_param for each in shape.dim]


def pixels(count: int, size: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 1, *size)).astype(np.float32)


@pytest.mark.parametrize(("before", "after"), FALLING_SHORT)
def test_scales_fall_short_of_these_sizes(before, after):
    """What the scales are raised for; if this fails, the pairs are no test of it any more."""
    assert inferred(resizing((before, 4), (after, 4)))[2] == after - 1


def test_raised_scales_reach_the_size():
    pairs = np.random.default_rng(0).permutation(list(product(range(8, 129), repeat=2)))[:200].tolist()
    short = [(before, after) for before, after in pairs if int(before * float(np.float32(after / before))) != after]
    assert 50 < len(short) < 150
    for before, after in pairs:
        assert inferred(raised((before, 5), (after, 7)))[1:] == [1, after, 7]


@pytest.mark.parametrize("opset", [13, 17, 18])
@pytest.mark.parametrize(("before", "after"), FALLING_SHORT + EXACT)
def test_the_reference_onnxruntime_and_keras_agree(before, after, opset):
    before, after = (before, 28), (after, 31)
    images = pixels(2, before)
    content = raised(before, after, opset).SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (by_reference,) = ReferenceEvaluator(content).run(None, {"image": images})
    (by_onnxruntime,) = session.run(None, {"image": images})
    by_keras = np.asarray(keras.ops.image.resize(images[:, 0, :, :, None], after, interpolation="bilinear"))
    for answer in (by_reference, by_onnxruntime):
        assert answer.shape == (2, 1, *after)
        np.testing.assert_allclose(answer[:, 0], by_keras[..., 0], rtol=0, atol=TOLERANCE)


@pytest.fixture(scope="module")
def exporting(model_parameters):
    """Networks and their files by size and operator set."""

    @cache
    def exporting(before: tuple[int, int], after: tuple[int, int], opset: int = 17) -> tuple[keras.Model, bytes]:
        keras.utils.set_random_seed(0)
        network = build_network(model_parameters, Preprocessing("resize", after, 50.0, 0.02), before, 3)
        return network, to_onnx(network, opset, {})

    return exporting


@pytest.mark.parametrize(
    ("before", "after", "opset"),
    [((50, 28), (32, 50), 17), ((28, 28), (50, 31), 13), ((25, 127), (32, 28), 18), ((28, 28), (96, 96), 17)],
)
def test_an_exported_network_is_computed_by_the_reference_too(exporting, capfd, before, after, opset):
    network, content = exporting(before, after, opset)
    images = np.random.default_rng(0).integers(0, 256, (3, *before), dtype=np.uint8)
    expected = np.asarray(network(images, training=False))
    capfd.readouterr()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (by_onnxruntime,) = session.run(None, {"image": images})
    assert capfd.readouterr().err == ""  # where it warns of shapes that are not those inferred
    (by_reference,) = ReferenceEvaluator(content).run(None, {"image": images})
    for answer in (by_onnxruntime, by_reference):
        np.testing.assert_allclose(answer, expected, rtol=0, atol=1e-5)


def test_scales_that_reach_the_size_stay_as_they_are():
    for before, after in EXACT:
        model = raised((before, 4), (after, 4))
        [scales] = [numpy_helper.to_array(each) for each in model.graph.initializer if each.name == "resize_scales"]
        assert scales.tolist() == [1, 1, np.float32(after / before), 1]


def test_a_resized_input_costs_one_resize_and_no_operation_on_shapes(exporting):
    _, content = exporting((50, 28), (32, 50))
    kinds = Counter(node.op_type for node in onnx.load_from_string(content).graph.node)
    assert [kinds[kind] for kind in ("Resize", "Shape", "Slice", "Concat")] == [1, 0, 0, 0]


def test_int8_and_fp16_are_made_of_it(exporting):
    network, content = exporting((50, 28), (32, 50))
    images = np.random.default_rng(0).integers(0, 256, (8, 50, 28), dtype=np.uint8)
    expected = np.asarray(network(images, training=False))
    for file in (to_int8(content, images, "minmax"), to_fp16(content)):
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        for count in (1, 8):
            (answer,) = session.run(None, {"image": images[:count]})
            np.testing.assert_allclose(answer, expected[:count], rtol=0, atol=0.1)
