"""The choice of the variants that are published: those that are good enough and of use."""

from collections.abc import Sequence
from importlib import import_module

from mnist_resnet.evaluation.latency import relative_speed
from mnist_resnet.evaluation.paired import Paired, compare_correct, images_needed
from mnist_resnet.evaluation.variant_check import VariantCheck, VariantChecks, judge
from mnist_resnet.export.variants.candidate import Candidate, Material, NotEvaluatedError


def select_variants(material: Material, batch_sizes: Sequence[int]) -> tuple[dict[str, bytes], VariantChecks]:
    """Make the configured variants and judge them on the validation images.

    Args:
        material: What they are made of, and what they may lose.
        batch_sizes: Images in a call, to measure speed at.

    Returns:
        The published files by name, such as ``model.int8.onnx``, and what became of each variant.
    """
    files, checks = {}, []
    for name in material.parameters.names:
        try:
            _require_enough_images(len(material.validation.images), material.parameters.tolerance)
            candidate = import_module(f"mnist_resnet.export.variants.{name}").make(material)
        except NotEvaluatedError as reason:
            checks.append(VariantCheck(name, published=False, reason=f"not evaluated: {reason}"))
            continue
        checks.append(_check(name, candidate, material, batch_sizes))
        if checks[-1].published:
            files[f"model.{name}.onnx"] = candidate.content
    return files, checks


def _require_enough_images(images: int, tolerance: float) -> None:
    if not images:
        raise NotEvaluatedError("there are no validation images to judge it by")
    if Paired(images, 0, 0).greatest_loss() > tolerance:
        raise NotEvaluatedError(
            f"{images:,} validation images are too few to show that it loses at most {100 * tolerance:.2f} points "
            f"(export.variants.tolerance); {images_needed(tolerance):,} are the least"
        )


def _check(name: str, candidate: Candidate, material: Material, batch_sizes: Sequence[int]) -> VariantCheck:
    # By its own provider alone, and float32 beside it by the same, whatever else this machine has.
    validation, parameters = material.validation.by(candidate.provider), material.parameters
    reference, correct = validation.correct(material.onnx_model), validation.are_correct(candidate.probabilities)
    float32, variant = validation.open(material.onnx_model), validation.open(candidate.content)
    errors = candidate.calibration_errors
    best = [min(errors, key=lambda method: errors[method])] if errors else []
    measured = VariantCheck(
        name,
        published=False,
        reason="",
        validation_accuracy=float(correct.mean()),
        tried=dict.fromkeys(best, float(correct.mean())),
        greatest_loss=compare_correct(reference, correct).greatest_loss(),
        calibration_errors=errors,
        kernels=candidate.kernels,
        size_ratio=len(candidate.content) / len(material.onnx_model),
        speed_ratios=relative_speed(variant, float32, validation.images, batch_sizes, parameters.timed_calls),
    )
    return judge(measured, parameters)
