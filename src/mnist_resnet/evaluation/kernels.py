"""The agreement of onnxruntime's integer kernels with what a quantized file says."""

from dataclasses import dataclass

import numpy as np

from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.evaluation.metrics import Probabilities
from mnist_resnet.evaluation.parity import compare
from mnist_resnet.evaluation.session import cpu_probabilities


@dataclass(frozen=True)
class KernelAgreement:
    """How a file's answers by integer kernels differ from those by the float32 operations that it is written in.

    Attributes:
        images: How many were classified both ways.
        max_abs_diff: The largest difference of two probabilities.
        same_class: Share of the images with the same most probable class, in 0 to 1.
        widest_change: Of the images whose class differs, the largest distance of the two best probabilities, as float32
            has them; 0 if no class differs.
    """

    images: int
    max_abs_diff: float
    same_class: float
    widest_change: float

    def within(self, tolerance: float) -> bool:
        """Whether no probability differs by more, and no class where the two best are further apart than that."""
        return max(self.max_abs_diff, self.widest_change) <= tolerance


def compare_kernels(onnx_model: bytes, images: UInt8Array, fast: Probabilities) -> KernelAgreement:
    """Classify images on the processor without onnxruntime's optimizations, and compare what is answered with them.

    By them, operations between QuantizeLinear and DequantizeLinear become integer kernels; they differ from processor
    to processor, and some of them cut sums of products that 16 bits cannot hold.

    Args:
        onnx_model: A quantized file.
        images: uint8 (images, height, width), at least one.
        fast: The file's answers with optimizations, by the processor.
    """
    plain = cpu_probabilities(onnx_model, images, optimized=False)
    parity = compare(plain, fast)
    changed = fast.argmax(axis=1) != plain.argmax(axis=1)
    second, best = np.partition(plain, -2, axis=1)[:, -2:].T
    widest = float(np.max((best - second)[changed], initial=0))
    return KernelAgreement(len(images), parity.max_abs_diff, parity.argmax_agreement, widest)
