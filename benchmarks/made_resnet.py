"""A ResNet-18 of random weights as ONNX files, for machines that have onnx and no trained model."""

from collections.abc import Sequence
from typing import Any

import numpy as np

_OPSET, _IR_VERSION = 17, 8
_STAGES = ((64, 1), (128, 2), (256, 2), (512, 2))
_CALIBRATION_IMAGES = 16


class _Graph:
    """Nodes and weights, each node's output called by its place."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self._generator = np.random.default_rng(0)

    def node(self, kind: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        from onnx import helper

        output = output or f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def constant(self, values: np.ndarray) -> str:
        from onnx import numpy_helper

        self.weights.append(numpy_helper.from_array(values, f"constant_{len(self.weights)}"))
        return str(self.weights[-1].name)

    def normal(self, shape: tuple[int, ...], variance: float) -> str:
        return self.constant(self._generator.normal(0, variance**0.5, shape).astype(np.float32))

    def convolution(self, before: str, channels: tuple[int, int], kernel: int, stride: int, gain: float = 2.0) -> str:
        """A convolution with padding and bias, as batch norm leaves it when it is folded."""
        weights = self.normal((channels[1], channels[0], kernel, kernel), gain / (channels[0] * kernel * kernel))
        bias, pads = self.constant(np.zeros(channels[1], np.float32)), [kernel // 2] * 4
        return self.node("Conv", [before, weights, bias], kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=pads)

    def block(self, before: str, channels: tuple[int, int], stride: int) -> str:
        first = self.node("Relu", [self.convolution(before, channels, 3, stride)])
        second = self.convolution(first, (channels[1], channels[1]), 3, 1, gain=0.5)
        same = channels[0] == channels[1]
        shortcut = before if same else self.convolution(before, channels, 1, stride, gain=1.0)
        return self.node("Relu", [self.node("Add", [second, shortcut])])


def made_resnet(size: int, blocks: int = 2, classes: int = 10) -> bytes:
    """An ONNX file with the input and output of this project's.

    Args:
        size: Height and width of an image in pixels.
        blocks: In each of the four stages; two are ResNet-18.
        classes: How many.
    """
    from onnx import TensorProto, helper

    graph = _Graph()
    values = graph.node("Cast", ["image"], to=TensorProto.FLOAT)
    scaled = graph.node("Mul", [values, graph.constant(np.array(1 / 128, np.float32))])
    planes = graph.node("Reshape", [scaled, graph.constant(np.array([-1, 1, size, size]))])
    features = graph.node("Relu", [graph.convolution(planes, (1, _STAGES[0][0]), 7, 2)])
    features = graph.node("MaxPool", [features], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    channels = _STAGES[0][0]
    for wanted, stride in _STAGES:
        for place in range(blocks):
            features = graph.block(features, (channels, wanted), 1 if place else stride)
            channels = wanted
    pooled = graph.node("Flatten", [graph.node("GlobalAveragePool", [features])])
    logits = graph.node("MatMul", [pooled, graph.normal((channels, classes), 4 / channels)])
    graph.node("Softmax", [logits], "probabilities", axis=1)
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", size, size])
    probabilities = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", classes])
    made = helper.make_graph(graph.nodes, "resnet", [image], [probabilities], graph.weights)
    return bytes(
        helper.make_model(
            made, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION
        ).SerializeToString()
    )


def to_fp16(content: bytes) -> bytes:
    """Weights and activations in 16-bit floating point, as this project makes them."""
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    converted = convert_float_to_float16(onnx.load_from_string(content), keep_io_types=True)
    return bytes(converted.SerializeToString())


def to_int8(content: bytes, folder: Any) -> bytes:
    """Weights and activations in 8-bit integers, calibrated on noise; files are left in the folder."""
    import onnx
    from onnxruntime import quantization

    size = onnx.load_from_string(content).graph.input[0].type.tensor_type.shape.dim[1].dim_value
    images = np.random.default_rng(1).integers(0, 256, (_CALIBRATION_IMAGES, size, size), dtype=np.uint8)
    source, target = folder / "source.onnx", folder / "int8.onnx"
    source.write_bytes(content)
    quantization.quantize_static(source, target, _Once({"image": images}), per_channel=True, reduce_range=True)
    return target.read_bytes()


class _Once:
    """Hands one batch to the calibration."""

    def __init__(self, batch: dict[str, np.ndarray]) -> None:
        self._batches = [batch]

    def get_next(self) -> dict[str, np.ndarray] | None:
        return self._batches.pop() if self._batches else None
