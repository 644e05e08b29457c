"""The variant in 16-bit floating point, for GPUs."""

import copy

from mnist_resnet.evaluation.cuda import CUDA_PROVIDER
from mnist_resnet.evaluation.session import usable_providers
from mnist_resnet.export.onnx_graph import serialize_as_variant
from mnist_resnet.export.variants.candidate import Candidate, Material, NotEvaluatedError


def make(material: Material) -> Candidate:
    """Convert the float32 file.

    Raises:
        NotEvaluatedError: If there is no GPU.
    """
    providers = material.validation.providers
    if usable_providers(providers)[0] != CUDA_PROVIDER:
        raise NotEvaluatedError("it is meant for a GPU, and there is none here")
    return Candidate(to_fp16(material.onnx_model), providers)


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
    return serialize_as_variant(convert_float_to_float16(copy.deepcopy(model), keep_io_types=True), model)
