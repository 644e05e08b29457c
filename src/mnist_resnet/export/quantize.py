"""The quantization of an ONNX file to 8-bit integers."""

from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any, Literal

import numpy as np

from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.export.onnx_graph import serialize_as_variant
from mnist_resnet.storage.disk_space import temporary_folder

CalibrationMethod = Literal["minmax", "entropy", "percentile"]

_PRODUCTS = {"Conv", "MatMul", "Gemm"}
_METHODS = {"minmax": "MinMax", "entropy": "Entropy", "percentile": "Percentile"}

# Observed at once, at most: all activations of so many images are held in memory.
_MOST_IN_A_BATCH = 32


@dataclass(frozen=True)
class Form:
    """Which integers stand for the values.

    Attributes:
        activations: ``unsigned`` (0 to 255) or ``signed`` (-128 to 127).
        weights: ``signed`` or ``unsigned``.
        weight_bits: 8, or 7 for weights of -64 to 64 (signed).
    """

    activations: Literal["unsigned", "signed"]
    weights: Literal["unsigned", "signed"]
    weight_bits: Literal[7, 8]


# What onnxruntime has integer kernels for on processors.
FORMS = {
    "U8S8": Form("unsigned", "signed", 8),
    "U8S7": Form("unsigned", "signed", 7),
    "U8U8": Form("unsigned", "unsigned", 8),
    "S8S8": Form("signed", "signed", 8),
}

# Processors without VNNI add each two products of an unsigned and a signed byte in 16 bits, and cut what is above
# 32,767. With weights of 7 bits two products are at most 2 * 255 * 64 = 32,640: nothing is ever cut, so that the file
# gives the same answers on all of them.
SHIPPED_FORM = FORMS["U8S7"]


def to_int8(onnx_model: bytes, images: UInt8Array, method: CalibrationMethod, form: Form = SHIPPED_FORM) -> bytes:
    """Quantize weights and activations to integers, as pairs of QuantizeLinear and DequantizeLinear.

    Weights have a scale for each output channel; activations have ranges observed on real images (Jacob et al. 2018).
    The last product and the softmax stay in float32.

    Args:
        onnx_model: The float32 file, batch norm folded.
        images: uint8 (images, height, width) to observe activations on; training images only.
        method: What becomes of the observed values: their whole range (``minmax``), or the part of it
            that loses the least information (``entropy``) or holds 99.999 % of them (``percentile``).
        form: Which integers stand for the values.

    Returns:
        An ONNX file with the same input, output and metadata.
    """
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    model = onnx.load_from_string(onnx_model)
    # onnxruntime prints what it does; nobody waits long for it.
    with temporary_folder() as folder, redirect_stdout(StringIO()):
        types = {"unsigned": quantization.QuantType.QUInt8, "signed": quantization.QuantType.QInt8}
        source, prepared, quantized = (folder / name for name in ("source.onnx", "prepared.onnx", "int8.onnx"))
        source.write_bytes(onnx_model)
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        quantization.quantize_static(
            prepared,
            quantized,
            _Reader(images, model.graph.input[0].name),
            per_channel=True,
            activation_type=types[form.activations],
            weight_type=types[form.weights],
            reduce_range=form.weight_bits == 7,
            nodes_to_exclude=_in_float32(onnx.load(prepared).graph),
            calibrate_method=getattr(quantization.CalibrationMethod, _METHODS[method]),
        )
        return serialize_as_variant(onnx.load(quantized), model)


def _in_float32(graph: Any) -> list[str]:
    """The nodes in front of the first product of each path, and those from the last product on."""
    return [*_before_any_product(graph), *_from_the_last_product_on(graph)]


def _before_any_product(graph: Any) -> list[str]:
    """The nodes that prepare the image: what the first product reads is quantized once, not after each of them."""
    names: list[str] = []
    multiplied: set[str] = set()
    for node in graph.node:  # which are sorted, each behind what it reads
        if node.op_type in _PRODUCTS or not multiplied.isdisjoint(node.input):
            multiplied.update(node.output)
        else:
            names.append(node.name)
    return names


def _from_the_last_product_on(graph: Any) -> list[str]:
    """The nodes after which no product of matrices follows: the last of them, and all that becomes of it.

    They stay in float32. With logits of 8 bits one image in a hundred has two most probable classes.
    """
    names: list[str] = []
    leading: set[str] = set()
    for node in reversed(graph.node):  # which are sorted, each behind what it reads
        last = leading.isdisjoint(node.output)
        if last:
            names.append(node.name)
        if not last or node.op_type in _PRODUCTS:
            leading.update(node.input)
    return names


class _Reader:
    """Hands the images to onnxruntime in batches of one size, since it stacks what it observes."""

    def __init__(self, images: UInt8Array, name: str) -> None:
        size = max(size for size in range(1, _MOST_IN_A_BATCH + 1) if len(images) % size == 0)
        self._batches = iter([{name: batch} for batch in np.split(np.asarray(images), len(images) // size)])

    def get_next(self) -> dict[str, UInt8Array] | None:
        return next(self._batches, None)
