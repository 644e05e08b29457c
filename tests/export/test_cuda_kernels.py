"""The operations of exported files against the CUDA kernels of the onnxruntime-gpu that is locked.

The package for CPUs, which most machines have, knows no kernel of CUDA; the one for GPUs lists them only where TensorRT
is installed, too. So those below are a record, taken from the log of onnxruntime-gpu 1.26.0 with CUDA 12.9: without
optimizations and with them, the files of every recipe, in float32, fp16 and int8, had all nodes placed on CUDA, and no
copy between host and device. CUDA's runtime was replaced by functions that compute nothing, since placing nodes needs
none; `benchmarks/gpu_onnxruntime.py` shows the places on a GPU. A new operation needs the same evidence.

Those networks were untrained, and without any bias. Of what came later, a convolution's bias and padding with a value,
there is less: the list of CUDA's kernels in onnxruntime's source, docs/OperatorKernels.md, has both. By that list the
bias of int8, which is dequantized from int32, has none: int8 is meant for processors. So is gemm, whose products and
transpositions have kernels by that list; int8 is made of it.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import onnx
import pytest

from mnist_resnet.config import ExportParameters, ModelParameters, NamespaceParameters, validate_parameters
from mnist_resnet.export.crop import crop
from mnist_resnet.export.fold import fold
from mnist_resnet.export.onnx import to_onnx
from mnist_resnet.export.products import multiply_small_images
from mnist_resnet.export.quantize import to_int8
from mnist_resnet.export.rebuild import average_flips
from mnist_resnet.export.standardizing import fold_standardizing
from mnist_resnet.export.variants.fp16 import to_fp16
from mnist_resnet.models.resnet import build_network
from mnist_resnet.preprocessing import Preprocessing
from tests.conftest import PROJECT, recipe_parameters

LOCKED = "onnxruntime-gpu==1.26.0"
RECIPES = sorted(file.parent.name for file in (PROJECT / "conf").glob("*/parameters.yml"))

# Operations by the first version of their definition, with the types of what they read; "-" is left out.
FLOATING = {
    "Add 14": "T,T",
    "Conv 11": "T,T",
    "GlobalAveragePool 1": "T",
    "MatMul 13": "T,T",
    "MaxPool 12": "T",
    "Mul 14": "T,T",
    "Pad 13": "T,int64",
    "ReduceMean 13": "T",
    "Relu 14": "T",
    "Reshape 14": "T,int64",
    "Resize 13": "T,T,float",
    "Softmax 13": "T",
    "Squeeze 13": "T,int64",
}
KERNELS = {
    f"{kind} {types.replace('T', each)}" for kind, types in FLOATING.items() for each in ("float", "float16")
} | {
    "Cast 13 float16",
    "Cast 13 uint8",
    "Conv 11 float,float,float",
    "Conv 11 float16,float16,float16",
    "DequantizeLinear 13 int8,float,int8",
    "DequantizeLinear 13 uint8,float,uint8",
    "Gather 13 uint8,int32",
    "Pad 13 float,int64,float",
    "Pad 13 float16,int64,float16",
    "QuantizeLinear 13 float,float,uint8",
    "Reshape 14 uint8,int64",
}
OF_INT8 = {"DequantizeLinear 13 int32,float,int32"}
OF_GEMM = {"Gemm 13 float,float", "Gemm 13 float,float,float", "Transpose 13 float"}
# They have kernels, but onnxruntime keeps them on the CPU where what follows reads them there: no graph may have any.
ON_SHAPES = {"Shape", "Size", "ConstantOfShape", "Range", "Loop", "If", "NonZero"}


def operations(content: bytes) -> set[str]:
    """As in ``KERNELS``, of all nodes."""
    model = onnx.shape_inference.infer_shapes(onnx.load_from_string(content), strict_mode=True)
    graph, (version,) = model.graph, [each.version for each in model.opset_import if each.domain == ""]
    values = (*graph.input, *graph.output, *graph.value_info)
    types = {value.name: value.type.tensor_type.elem_type for value in values}
    types |= {constant.name: constant.data_type for constant in graph.initializer} | {"": 0}

    def described(node: onnx.NodeProto) -> str:
        since = onnx.defs.get_schema(node.op_type, version).since_version
        read = [onnx.TensorProto.DataType.Name(types[name]).lower() if name else "-" for name in node.input]
        return f"{node.op_type} {since} {','.join(read)}"

    return {described(node) for node in graph.node}


def exported(
    model: ModelParameters, preprocessing: Preprocessing, export: ExportParameters
) -> Iterator[tuple[bytes, set[str]]]:
    """The float32 file of an untrained network, and its variants, each with the operations that it may have."""
    network = fold_standardizing(fold(crop(build_network(model, preprocessing, (28, 28), 10))))
    fp32 = to_onnx(average_flips(network) if export.average_flips else network, export.opset, {})
    images = np.random.default_rng(0).integers(0, 256, (4, 28, 28), dtype=np.uint8)
    yield from ((fp32, KERNELS), (to_fp16(fp32), KERNELS))
    gemm = multiply_small_images(fp32)
    of_gemm = OF_GEMM if gemm else set()
    yield to_int8(gemm or fp32, images, "minmax"), KERNELS | OF_INT8 | of_gemm
    if gemm:
        yield gemm, KERNELS | of_gemm


def fixed(parameters: NamespaceParameters) -> Preprocessing:
    asked = parameters.preprocessing
    return Preprocessing(asked.method, tuple(asked.size), 50.0, 0.02)


def test_the_record_is_of_the_version_that_is_locked():
    assert f"\n{LOCKED} " in (PROJECT / "requirements-gpu.lock").read_text(encoding="utf-8")


@pytest.mark.parametrize("flips", [False, True])
@pytest.mark.parametrize("method", ["pad", "resize"])
def test_each_operation_of_a_small_network_has_a_kernel(base, model_parameters, method, flips):
    preprocessing, export = replace(fixed(base), method=method), replace(base.export, average_flips=flips)
    for content, allowed in exported(model_parameters, preprocessing, export):
        assert operations(content) - allowed == set()
        assert {node.op_type for node in onnx.load_from_string(content).graph.node} & ON_SHAPES == set()


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_each_operation_of_each_recipe_has_a_kernel(recipe):
    for parameters in validate_parameters(recipe_parameters(recipe)).namespaces.values():
        for content, allowed in exported(parameters.model, fixed(parameters), parameters.export):
            assert operations(content) - allowed == set()
            assert {node.op_type for node in onnx.load_from_string(content).graph.node} & ON_SHAPES == set()
