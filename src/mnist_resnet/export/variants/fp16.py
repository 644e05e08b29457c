"""The variant in 16-bit floating point, for GPUs."""

import copy

from mnist_resnet.evaluation.cuda import CUDA_PROVIDER
from mnist_resnet.evaluation.providers import ProviderError, usable_providers
from mnist_resnet.export.onnx_graph import serialize_as_variant
from mnist_resnet.export.variants.candidate import Candidate, NotEvaluatedError, VariantInputs


def make(material: VariantInputs) -> Candidate:
    """Convert the float32 file, and run the result on the GPU that it is meant for.

    Raises:
        NotEvaluatedError: If CUDA is not asked for, cannot be used, or does not load the result.
    """
    validation = material.validation
    if CUDA_PROVIDER not in validation.providers:
        raise NotEvaluatedError(f"it is meant for a GPU, and evaluation.providers has no {CUDA_PROVIDER}")
    try:
        usable_providers([CUDA_PROVIDER])
        content = to_fp16(material.onnx_model)
        return Candidate(content, CUDA_PROVIDER, validation.by(CUDA_PROVIDER).probabilities(content))
    except ProviderError as error:
        raise NotEvaluatedError(f"it is meant for a GPU; {error}") from error


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
