"""Which smaller forms of an ONNX file are good enough to publish."""

from dataclasses import dataclass, field

from mnist_resnet.config import VariantParameters
from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.evaluation.session import CUDA_PROVIDER, usable_providers
from mnist_resnet.evaluation.validation import Validation
from mnist_resnet.export.quantize import to_fp16, to_int8


@dataclass(frozen=True)
class VariantCheck:
    """What became of one variant.

    Attributes:
        name: ``int8`` or ``fp16``.
        published: Whether its file is among the outputs.
        reason: Why, in words.
        validation_accuracy: By onnxruntime, in 0 to 1; None if it was not evaluated.
        tried: For int8, the validation accuracy by calibration method.
    """

    name: str
    published: bool
    reason: str
    validation_accuracy: float | None = None
    tried: dict[str, float] = field(default_factory=dict)


def make_variants(
    onnx_model: bytes,
    train_images: UInt8Array,
    validation: Validation,
    parameters: VariantParameters,
) -> tuple[dict[str, bytes], list[VariantCheck]]:
    """Make the configured variants and judge them on the validation images.

    Args:
        onnx_model: The float32 file, batch norm folded.
        train_images: uint8 (images, height, width); the first of them calibrate int8.
        validation: What they are judged by.
        parameters: Which variants, and what they may lose.

    Returns:
        The published files by name, such as ``model.int8.onnx``, and what became of each variant.
    """
    if not len(validation.images):
        reason = "not evaluated: there are no validation images to judge it by"
        return {}, [VariantCheck(name, published=False, reason=reason) for name in parameters.names]
    reference = validation.accuracy(onnx_model)
    made = {"int8": _int8, "fp16": _fp16}
    files, checks = {}, []
    for name in parameters.names:
        content, check = made[name](onnx_model, train_images, validation, reference, parameters)
        checks.append(check)
        if check.published:
            files[f"model.{name}.onnx"] = content
    return files, checks


def _int8(
    onnx_model: bytes, train_images: UInt8Array, validation: Validation, reference: float, parameters: VariantParameters
) -> tuple[bytes, VariantCheck]:
    images = train_images[: parameters.calibration_images]
    made = {str(method): to_int8(onnx_model, images, method) for method in parameters.calibration_methods}
    tried = {method: validation.accuracy(content) for method, content in made.items()}
    best = max(tried, key=lambda method: tried[method])
    how = f"calibrated by {best}"
    return made[best], _check("int8", tried[best], reference, parameters.tolerance, how, tried)


def _fp16(
    onnx_model: bytes, train_images: UInt8Array, validation: Validation, reference: float, parameters: VariantParameters
) -> tuple[bytes, VariantCheck]:
    if usable_providers(validation.evaluation.providers)[0] != CUDA_PROVIDER:
        reason = "not evaluated: it is meant for a GPU, and there is none here"
        return b"", VariantCheck("fp16", published=False, reason=reason)
    content = to_fp16(onnx_model)
    return content, _check("fp16", validation.accuracy(content), reference, parameters.tolerance, "on a GPU", {})


def _check(
    name: str, accuracy: float, reference: float, tolerance: float, how: str, tried: dict[str, float]
) -> VariantCheck:
    published = reference - accuracy <= tolerance
    verdict = "published" if published else "not published"
    reason = (
        f"{verdict}: right on {accuracy:.2%} of the validation images, fp32 on {reference:.2%}, "
        f"{how}; it may lose {100 * tolerance:.2f} points"
    )
    return VariantCheck(name, published, reason, accuracy, tried)
