"""The findings about a variant of an ONNX file, and the verdict on its publication."""

from dataclasses import dataclass, field, replace

from mnist_resnet.config import EvaluationParameters, VariantParameters
from mnist_resnet.evaluation.cuda import CUDA_PROVIDER
from mnist_resnet.evaluation.kernels import KernelAgreement
from mnist_resnet.evaluation.providers import CPU_PROVIDER

# Onnxruntime's integer kernels are those of processors; on a GPU it computes such a file in floating point. gemm was
# measured on processors alone.
_FOR_PROCESSORS = {"int8", "gemm"}
# fp16 is there for its size, half of fp32's in a GPU's memory, however fast it is.
_FOR_SPEED = {"int8", "gemm"}
# For single images there is fp32.
_FOR_BATCHES = {"gemm"}


@dataclass(frozen=True)
class VariantCheck:
    """What became of one variant.

    Attributes:
        name: As in ``export.variants.names``.
        published: Whether its file is among the outputs.
        reason: Why, in words.
        validation_accuracy: By onnxruntime, in 0 to 1; None, as all that follows, if it was not evaluated.
        greatest_loss: Of accuracy against float32, with 95 % confidence, in 0 to 1.
        calibration_errors: For int8, by calibration method, the mean difference of a probability from float32's on
            training images that it was not calibrated on; the least chose.
        kernels: For int8, how integer kernels and float32 operations agree on the validation images.
        size_ratio: Of its file and float32's.
        speed_ratios: By batch size, how many times as many images per second it classifies as float32.
    """

    name: str
    published: bool
    reason: str
    validation_accuracy: float | None = None
    greatest_loss: float | None = None
    calibration_errors: dict[str, float] = field(default_factory=dict)
    kernels: KernelAgreement | None = None
    size_ratio: float | None = None
    speed_ratios: dict[str, float] = field(default_factory=dict)


VariantChecks = list[VariantCheck]

# Two measurements of the same file differ by a few percent.
MEASURABLY_FASTER = 1.05


def evaluated_by(name: str, parameters: EvaluationParameters) -> EvaluationParameters:
    """The parameters by which a variant is evaluated: on that for which it is meant, if that is among the providers."""
    if name in _FOR_PROCESSORS:
        return replace(parameters, providers=(CPU_PROVIDER,), require_gpu=False)
    others = tuple(each for each in parameters.providers if each != CUDA_PROVIDER)
    if name == "fp16" and CUDA_PROVIDER in parameters.providers:
        return replace(parameters, providers=(CUDA_PROVIDER, *others))
    return parameters


def judge(measured: VariantCheck, parameters: VariantParameters) -> VariantCheck:
    """Decide whether a variant is published, and say why: it loses little, and is smaller or measurably faster.

    One that is there for its speed is not published where it is slower than it may be, however small it is. For gemm,
    which is for many images in a call, the speed of single images does not count.

    Args:
        measured: All that was measured of it; ``published`` and ``reason`` are still open.
        parameters: What it may lose, and the speed that it may not.
    """
    assert measured.greatest_loss is not None
    assert measured.size_ratio is not None
    kernels, speeds, faults = measured.kernels, _speeds_that_count(measured), []
    if measured.greatest_loss > parameters.tolerance:
        faults.append("it may lose too much accuracy")
    if kernels is not None and not kernels.within(parameters.kernel_tolerance):
        faults.append(
            f"on this processor integer kernels change {1 - kernels.same_class:.2%} of the classes, and probabilities "
            f"by up to {kernels.max_abs_diff:.3f} (export.variants.kernel_tolerance: {parameters.kernel_tolerance:g})"
        )
    if measured.size_ratio >= 1 and min(speeds.values(), default=0) < MEASURABLY_FASTER:
        faults.append("it is neither smaller nor measurably faster than fp32")
    least = (parameters.least_speed or 0) if measured.name in _FOR_SPEED else 0
    if slow_at := [size for size, ratio in speeds.items() if ratio < least]:
        faults.append(
            f"it is too slow on this machine at batch {' and '.join(slow_at)} "
            f"(export.variants.least_speed: {parameters.least_speed:g} of fp32's speed)"
        )
    figures = [
        f"it loses at most {100 * measured.greatest_loss:.2f} points of accuracy with 95 % confidence "
        f"(export.variants.tolerance: {100 * parameters.tolerance:.2f})",
        f"{measured.size_ratio:.2f} of fp32's size",
        *(f"{ratio:.2f} of its speed at batch {size}" for size, ratio in measured.speed_ratios.items()),
    ]
    verdict = f"not published: {'; '.join(faults)};" if faults else "published:"
    return replace(measured, published=not faults, reason=f"{verdict} {', '.join(figures)}")


def _speeds_that_count(measured: VariantCheck) -> dict[str, float]:
    only_batches = measured.name in _FOR_BATCHES
    return {size: ratio for size, ratio in measured.speed_ratios.items() if size != "1" or not only_batches}
