"""The smaller forms of an ONNX file, each published only if it is good enough and of use."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from mnist_resnet.config import VariantParameters
from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.data.sample import spread_sample
from mnist_resnet.evaluation.kernels import compare_kernels
from mnist_resnet.evaluation.latency import relative_speed
from mnist_resnet.evaluation.paired import Paired, compare_correct, images_needed
from mnist_resnet.evaluation.session import CPU_PROVIDER, CUDA_PROVIDER, open_session, usable_providers
from mnist_resnet.evaluation.validation import Validation
from mnist_resnet.evaluation.variant_check import Findings, VariantCheck, judge
from mnist_resnet.export.quantize import to_fp16, to_int8

_BATCH_SIZE = 256


def make_variants(
    onnx_model: bytes,
    train_images: UInt8Array,
    train_labels: UInt8Array,
    validation: Validation,
    parameters: VariantParameters,
    batch_sizes: Sequence[int],
) -> tuple[dict[str, bytes], list[VariantCheck]]:
    """Make the configured variants and judge them on the validation images.

    Args:
        onnx_model: The float32 file, batch norm folded.
        train_images: uint8 (images, height, width); some of them calibrate int8, others choose how.
        train_labels: uint8 (images,).
        validation: What they are judged by.
        parameters: Which variants, and what they may lose.
        batch_sizes: Images in a call, to measure speed at.

    Returns:
        The published files by name, such as ``model.int8.onnx``, and what became of each variant.
    """
    unfit = _unfit(len(validation.images), parameters.tolerance)
    if unfit:
        return {}, [VariantCheck(name, published=False, reason=f"not evaluated: {unfit}") for name in parameters.names]
    files, checks = {}, []
    for name in parameters.names:
        if name == "int8":
            chosen = _calibration(train_images, train_labels, parameters)
            content, check = _int8(onnx_model, *chosen, validation, parameters, batch_sizes)
        else:
            content, check = _fp16(onnx_model, validation, parameters, batch_sizes)
        checks.append(check)
        if check.published:
            files[f"model.{name}.onnx"] = content
    return files, checks


def _unfit(images: int, tolerance: float) -> str:
    """Why so many validation images cannot show what they are to show; empty if they can."""
    if not images:
        return "there are no validation images to judge it by"
    if Paired(images, 0, 0).greatest_loss() > tolerance:
        return (
            f"{images:,} validation images are too few to show that it loses at most {100 * tolerance:.2f} points "
            f"(export.variants.tolerance); {images_needed(tolerance):,} are the least"
        )
    return ""


def _int8(
    onnx_model: bytes,
    calibrating: UInt8Array,
    choosing: UInt8Array,
    validation: Validation,
    parameters: VariantParameters,
    batch_sizes: Sequence[int],
) -> tuple[bytes, VariantCheck]:
    """By the processor, which it is meant for, even where there is a GPU."""
    on_processor = replace(validation, providers=[CPU_PROVIDER])
    made = {str(method): to_int8(onnx_model, calibrating, method) for method in parameters.calibration_methods}
    errors = _errors(onnx_model, made, choosing)
    best = min(errors, key=lambda method: errors[method])
    found = _findings(onnx_model, made[best], on_processor, parameters, batch_sizes)
    found = replace(found, kernels=compare_kernels(made[best], validation.images), errors=errors)
    return made[best], judge("int8", found, parameters)


def _fp16(
    onnx_model: bytes, validation: Validation, parameters: VariantParameters, batch_sizes: Sequence[int]
) -> tuple[bytes, VariantCheck]:
    if usable_providers(validation.providers)[0] != CUDA_PROVIDER:
        reason = "not evaluated: it is meant for a GPU, and there is none here"
        return b"", VariantCheck("fp16", published=False, reason=reason)
    content = to_fp16(onnx_model)
    return content, judge("fp16", _findings(onnx_model, content, validation, parameters, batch_sizes), parameters)


def _calibration(
    images: UInt8Array, labels: UInt8Array, parameters: VariantParameters
) -> tuple[UInt8Array, UInt8Array]:
    """Images that calibrate, and others that choose, spread over the classes; of few images each in proportion."""
    asked = parameters.calibration_images + parameters.choice_images
    drawn = spread_sample(labels, asked, parameters.seed)
    calibrating = spread_sample(
        labels[drawn], max(1, len(drawn) * parameters.calibration_images // asked), parameters.seed
    )
    return images[drawn[calibrating]], images[np.delete(drawn, calibrating)]


def _errors(onnx_model: bytes, made: dict[str, bytes], images: UInt8Array) -> dict[str, float]:
    """By method, the mean difference of a probability from float32's; accuracy on training images is too coarse."""

    def probabilities(content: bytes) -> npt.NDArray[np.float32]:
        return open_session(content, [CPU_PROVIDER]).probabilities(images, _BATCH_SIZE)

    expected = probabilities(onnx_model)
    return {method: float(np.abs(probabilities(content) - expected).mean()) for method, content in made.items()}


def _findings(
    onnx_model: bytes,
    content: bytes,
    validation: Validation,
    parameters: VariantParameters,
    batch_sizes: Sequence[int],
) -> Findings:
    reference, correct = validation.correct(onnx_model), validation.correct(content)
    float32, variant = (open_session(each, validation.providers) for each in (onnx_model, content))
    return Findings(
        reference_accuracy=float(reference.mean()),
        accuracy=float(correct.mean()),
        paired=compare_correct(reference, correct),
        size_ratio=len(content) / len(onnx_model),
        speed_ratios=relative_speed(variant, float32, validation.images, batch_sizes, parameters.timed_calls),
    )
