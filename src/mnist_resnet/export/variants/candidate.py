"""A variant of an ONNX file that is to be judged."""

from dataclasses import dataclass, field

from mnist_resnet.config import VariantParameters
from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.evaluation.kernels import KernelAgreement
from mnist_resnet.evaluation.metrics import Probabilities
from mnist_resnet.evaluation.validation_split import Validation


class NotEvaluatedError(Exception):
    """A variant that cannot be evaluated here; the message is the reason."""


@dataclass(frozen=True)
class VariantInputs:
    """All that a variant may be made of.

    Attributes:
        onnx_model: The float32 file, batch norm folded.
        train_images: uint8 (images, height, width).
        train_labels: uint8 (images,).
        validation: The images that variants are judged by, which none may be made with. Each variant is run by the
            provider that it is meant for, and CUDA only if it is among these providers.
        parameters: Those of all variants.
    """

    onnx_model: bytes
    train_images: UInt8Array
    train_labels: UInt8Array
    validation: Validation
    parameters: VariantParameters


@dataclass(frozen=True)
class Candidate:
    """A variant, made.

    Attributes:
        content: The ONNX file.
        provider: The onnxruntime provider that it is judged by, and by no other: the one that it is meant for.
        probabilities: Its answers to the validation images by that provider, float32 (images, classes).
        calibration_errors: See ``VariantCheck``.
        kernels: See ``VariantCheck``.
    """

    content: bytes
    provider: str
    probabilities: Probabilities
    calibration_errors: dict[str, float] = field(default_factory=dict)
    kernels: KernelAgreement | None = None
