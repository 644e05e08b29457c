"""The variant in 8-bit integers, for processors."""

import numpy as np

from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.data.sample import spread_sample
from mnist_resnet.evaluation.kernels import compare_kernels
from mnist_resnet.evaluation.providers import CPU_PROVIDER
from mnist_resnet.evaluation.session import cpu_probabilities
from mnist_resnet.export.products import multiply_small_images
from mnist_resnet.export.quantize import to_int8
from mnist_resnet.export.variants.candidate import Candidate, VariantInputs


def make(material: VariantInputs) -> Candidate:
    """Quantize by each calibration method, and keep the file whose probabilities are nearest to float32's.

    Convolutions of the smallest images are quantized as products of matrices, wherever there are any. The file is
    judged by the processor, which it is meant for, even where there is a GPU.
    """
    calibrating, choosing = _draw(material)
    methods = material.parameters.calibration_methods
    source = multiply_small_images(material.onnx_model) or material.onnx_model
    files = {str(method): to_int8(source, calibrating, method) for method in methods}
    # On training images, which too many of the classes are right of for accuracy to tell the methods apart.
    expected = cpu_probabilities(material.onnx_model, choosing)
    answers = {method: cpu_probabilities(file, choosing) for method, file in files.items()}
    errors = {method: float(np.abs(each - expected).mean()) for method, each in answers.items()}
    best = files[min(errors, key=lambda method: errors[method])]
    validated = material.validation.by(CPU_PROVIDER).probabilities(best)
    kernels = compare_kernels(best, material.validation.images, validated)
    return Candidate(best, CPU_PROVIDER, validated, errors, kernels)


def _draw(material: VariantInputs) -> tuple[UInt8Array, UInt8Array]:
    """Images that calibrate, and others that choose, spread over the classes; of few images each in proportion."""
    images, labels, parameters = material.train_images, material.train_labels, material.parameters
    asked = parameters.calibration_images + parameters.choice_images
    drawn = spread_sample(labels, asked, parameters.seed)
    count = max(1, len(drawn) * parameters.calibration_images // asked)
    calibrating = spread_sample(labels[drawn], count, parameters.seed)
    return images[drawn[calibrating]], images[np.delete(drawn, calibrating)]
