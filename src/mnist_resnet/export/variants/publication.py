"""The choice of the variants that are published: those that are good enough and of use."""

from collections.abc import Mapping, Sequence
from importlib import import_module

from mnist_resnet.evaluation.latency import relative_speeds
from mnist_resnet.evaluation.paired import Correct, Paired, compare_correct, images_needed
from mnist_resnet.evaluation.validation_split import Validation
from mnist_resnet.evaluation.variant_check import VariantCheck, VariantChecks, judge
from mnist_resnet.export.variants.candidate import Candidate, NotEvaluatedError, VariantInputs


def select_variants(material: VariantInputs, batch_sizes: Sequence[int]) -> tuple[dict[str, bytes], VariantChecks]:
    """Make the configured variants and judge them on the validation images.

    Args:
        material: What they are made of, and what they may lose.
        batch_sizes: Images in a call, to measure speed at.

    Returns:
        The published files by name, such as ``model.int8.onnx``, and what became of each variant.
    """
    made: dict[str, Candidate] = {}
    checks: dict[str, VariantCheck] = {}
    for name in material.parameters.names:
        try:
            _require_enough_images(len(material.validation.images), material.parameters.tolerance)
            made[name] = import_module(f"mnist_resnet.export.variants.{name}").make(material)
        except NotEvaluatedError as reason:
            checks[name] = VariantCheck(name, published=False, reason=f"not evaluated: {reason}")
    for provider in dict.fromkeys(candidate.provider for candidate in made.values()):
        theirs = {name: candidate for name, candidate in made.items() if candidate.provider == provider}
        checks |= _checks(theirs, provider, material, batch_sizes)
    files = {f"model.{name}.onnx": each.content for name, each in made.items() if checks[name].published}
    return files, [checks[name] for name in material.parameters.names]


def _require_enough_images(images: int, tolerance: float) -> None:
    if not images:
        raise NotEvaluatedError("there are no validation images to judge it by")
    if Paired(images, 0, 0).greatest_loss() > tolerance:
        raise NotEvaluatedError(
            f"{images:,} validation images are too few to show that it loses at most {100 * tolerance:.2f} points "
            f"(export.variants.tolerance); {images_needed(tolerance):,} are the least"
        )


def _checks(
    candidates: Mapping[str, Candidate], provider: str, material: VariantInputs, batch_sizes: Sequence[int]
) -> dict[str, VariantCheck]:
    """The checks of the candidates of one provider: by that alone, and float32 beside them, whatever else there is."""
    validation, parameters = material.validation.by(provider), material.parameters
    reference, float32 = validation.correct(material.onnx_model), validation.open(material.onnx_model, takes_turns=True)
    sessions = {name: validation.open(candidate.content, takes_turns=True) for name, candidate in candidates.items()}
    speeds = relative_speeds(sessions, float32, validation.images, batch_sizes, parameters.timed_calls)
    size = len(material.onnx_model)
    return {
        name: judge(_measured(name, each, reference, validation, size, speeds[name]), parameters)
        for name, each in candidates.items()
    }


def _measured(
    name: str,
    candidate: Candidate,
    reference: Correct,
    validation: Validation,
    size: int,
    speeds: dict[str, float],
) -> VariantCheck:
    """What is known of a candidate, beside whether float32 is right on each image, its size in bytes and its speed."""
    correct = validation.are_correct(candidate.probabilities)
    return VariantCheck(
        name,
        published=False,
        reason="",
        validation_accuracy=float(correct.mean()),
        greatest_loss=compare_correct(reference, correct).greatest_loss(),
        calibration_errors=candidate.calibration_errors,
        kernels=candidate.kernels,
        size_ratio=len(candidate.content) / size,
        speed_ratios=speeds,
    )
