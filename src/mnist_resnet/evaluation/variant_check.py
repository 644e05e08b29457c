"""The findings about a variant of an ONNX file, and the verdict on its publication."""

from dataclasses import dataclass, field

from mnist_resnet.config import VariantParameters
from mnist_resnet.evaluation.kernels import KernelAgreement
from mnist_resnet.evaluation.paired import Paired


@dataclass(frozen=True)
class VariantCheck:
    """What became of one variant.

    Attributes:
        name: ``int8`` or ``fp16``.
        published: Whether its file is among the outputs.
        reason: Why, in words.
        validation_accuracy: By onnxruntime, in 0 to 1; None, as all that follows, if it was not evaluated.
        tried: For int8, the validation accuracy by calibration method, of the one that was chosen.
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
    tried: dict[str, float] = field(default_factory=dict)
    greatest_loss: float | None = None
    calibration_errors: dict[str, float] = field(default_factory=dict)
    kernels: KernelAgreement | None = None
    size_ratio: float | None = None
    speed_ratios: dict[str, float] = field(default_factory=dict)


VariantChecks = list[VariantCheck]


@dataclass(frozen=True)
class Findings:
    """What was measured of a variant beside float32; see ``VariantCheck``."""

    reference_accuracy: float
    accuracy: float
    paired: Paired
    size_ratio: float
    speed_ratios: dict[str, float]
    kernels: KernelAgreement | None = None
    errors: dict[str, float] = field(default_factory=dict)

    @property
    def method(self) -> str | None:
        """The calibration method whose probabilities were nearest to float32's."""
        return min(self.errors, key=lambda method: self.errors[method]) if self.errors else None

    @property
    def faster(self) -> bool:
        """Whether it is faster than float32 at every batch size."""
        return bool(self.speed_ratios) and min(self.speed_ratios.values()) > 1


def judge(name: str, found: Findings, parameters: VariantParameters) -> VariantCheck:
    """Decide whether a variant is published, and say why.

    Args:
        name: ``int8`` or ``fp16``.
        found: What was measured.
        parameters: What it may lose.
    """
    faults = [*_accuracy_faults(found, parameters), *_kernel_faults(found, parameters), *_use_faults(found)]
    verdict = f"not published: {'; '.join(faults)}" if faults else f"published: {_use(found)}"
    return VariantCheck(
        name,
        published=not faults,
        reason=f"{verdict}; {_accuracy(found, parameters)}",
        validation_accuracy=found.accuracy,
        tried={found.method: found.accuracy} if found.method else {},
        greatest_loss=found.paired.greatest_loss(),
        calibration_errors=found.errors,
        kernels=found.kernels,
        size_ratio=found.size_ratio,
        speed_ratios=found.speed_ratios,
    )


def _accuracy(found: Findings, parameters: VariantParameters) -> str:
    how = f", calibrated by {found.method}" if found.method else ""
    return (
        f"right on {found.accuracy:.2%} of {found.paired.images:,} validation images, fp32 on "
        f"{found.reference_accuracy:.2%}{how}: with 95 % confidence it loses at most "
        f"{100 * found.paired.greatest_loss():.2f} points, and may lose {100 * parameters.tolerance:.2f}"
    )


def _accuracy_faults(found: Findings, parameters: VariantParameters) -> list[str]:
    loses = found.paired.greatest_loss() > parameters.tolerance
    return ["it may lose more accuracy than is tolerated"] if loses else []


def _kernel_faults(found: Findings, parameters: VariantParameters) -> list[str]:
    kernels = found.kernels
    if kernels is None or kernels.within(parameters.kernel_tolerance):
        return []
    return [
        f"on this processor integer kernels and float32 operations give {1 - kernels.same_class:.2%} of the images "
        f"other classes, and probabilities that differ by up to {kernels.max_abs_diff:.3f} "
        f"({parameters.kernel_tolerance:.3f} are tolerated, see export.variants.kernel_tolerance)"
    ]


def _use_faults(found: Findings) -> list[str]:
    useless = found.size_ratio >= 1 and not found.faster
    return [f"not one to ship, neither smaller nor faster than fp32 ({_ratios(found)})"] if useless else []


def _use(found: Findings) -> str:
    smaller, faster = found.size_ratio < 1, found.faster
    words = "smaller and faster" if smaller and faster else "smaller, but not faster" if smaller else "faster"
    return f"{words} than fp32 ({_ratios(found)})"


def _ratios(found: Findings) -> str:
    speeds = [f"{ratio:.2f} of its speed at batch {size}" for size, ratio in found.speed_ratios.items()]
    return ", ".join([f"{found.size_ratio:.2f} of its size", *speeds])
