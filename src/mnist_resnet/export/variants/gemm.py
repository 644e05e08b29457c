"""The variant with convolutions of the smallest images as products of matrices (GEMM), for many images in a call."""

from mnist_resnet.evaluation.providers import CPU_PROVIDER
from mnist_resnet.export.products import multiply_small_images
from mnist_resnet.export.variants.candidate import Candidate, NotEvaluatedError, VariantInputs


def make(material: VariantInputs) -> Candidate:
    """Rewrite the graph of the float32 file. It is judged by the processor, even where there is a GPU.

    Raises:
        NotEvaluatedError: If no image of the network is so small.
    """
    content = multiply_small_images(material.onnx_model)
    if content is None:
        raise NotEvaluatedError("no convolution of this network has a kernel larger than its image")
    return Candidate(content, CPU_PROVIDER, material.validation.by(CPU_PROVIDER).probabilities(content))
