"""Smaller forms of an ONNX file: 8-bit integers for processors, 16-bit floating point for GPUs."""

import copy
from contextlib import redirect_stdout
from io import StringIO
from typing import Any, Literal

import numpy as np

from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.storage import temporary_folder

CalibrationMethod = Literal["minmax", "entropy", "percentile"]

_METHODS = {"minmax": "MinMax", "entropy": "Entropy", "percentile": "Percentile"}

# Observed at once, at most: all activations of so many images are held in memory.
_MOST_IN_A_BATCH = 32


def to_int8(onnx_model: bytes, images: UInt8Array, method: CalibrationMethod) -> bytes:
    """Quantize weights and activations to 8 bits, as pairs of QuantizeLinear and DequantizeLinear.

    Weights are signed and symmetric, with a scale for each output channel; activations are unsigned,
    with ranges observed on real images (Jacob et al. 2018): what onnxruntime has kernels for on a CPU.

    Args:
        onnx_model: The float32 file, batch norm folded.
        images: uint8 (images, height, width) to observe activations on; training images only.
        method: What becomes of the observed values: their whole range (``minmax``), or the part of it
            that loses the least information (``entropy``) or holds 99.999 % of them (``percentile``).

    Returns:
        An ONNX file with the same input, output and metadata.
    """
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    model = onnx.load_from_string(onnx_model)
    # onnxruntime prints what it does; nobody waits long for it.
    with temporary_folder() as folder, redirect_stdout(StringIO()):
        source, prepared, quantized = (folder / name for name in ("source.onnx", "prepared.onnx", "int8.onnx"))
        source.write_bytes(onnx_model)
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        quantization.quantize_static(
            prepared,
            quantized,
            _Reader(images, model.graph.input[0].name),
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            calibrate_method=getattr(quantization.CalibrationMethod, _METHODS[method]),
        )
        return _with_metadata_of(model, onnx.load(quantized))


class _Reader:
    """Hands the images to onnxruntime in batches of one size, since it stacks what it observes."""

    def __init__(self, images: UInt8Array, name: str) -> None:
        size = max(size for size in range(1, _MOST_IN_A_BATCH + 1) if len(images) % size == 0)
        self._batches = iter([{name: batch} for batch in np.split(np.asarray(images), len(images) // size)])

    def get_next(self) -> dict[str, UInt8Array] | None:
        return next(self._batches, None)


def to_fp16(onnx_model: bytes) -> bytes:
    """Convert weights and activations to 16-bit floating point; input and output keep their types.

    Args:
        onnx_model: The float32 file.

    Returns:
        An ONNX file with the same input, output and metadata.
    """
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    model = onnx.load_from_string(onnx_model)
    return _with_metadata_of(model, convert_float_to_float16(copy.deepcopy(model), keep_io_types=True))


def _with_metadata_of(source: Any, model: Any) -> bytes:
    import onnx

    model.graph.name = source.graph.name
    onnx.helper.set_model_props(model, {each.key: each.value for each in source.metadata_props})
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())
