"""Whether a model is good enough to take the present champion's place."""

from dataclasses import dataclass

from mnist_resnet.config import ReleaseParameters
from mnist_resnet.evaluation.metrics import accuracy_interval


@dataclass(frozen=True)
class Contest:
    """What decides, measured by onnxruntime on the validation images; test figures never decide.

    Attributes:
        images: How many validation images there are; possibly none.
        candidate: Share of them that the new model classifies correctly, in 0 to 1; None without any.
        champion: The same of the present champion on the same images; None if there is none.
        kept_when_perturbed: Share of its accuracy that the new model keeps on perturbed images, as a mean.
    """

    images: int
    candidate: float | None
    champion: float | None
    kept_when_perturbed: float


@dataclass(frozen=True)
class Decision:
    """Whether the new model becomes champion, and why, in words."""

    champion: bool
    reason: str


def decide(contest: Contest, parameters: ReleaseParameters) -> Decision:
    """Compare a new model with the present champion.

    Args:
        contest: What was measured.
        parameters: The margin to win by, and the floor for perturbed images.
    """
    if contest.candidate is None:
        return Decision(False, "there are no validation images to choose by")
    if contest.kept_when_perturbed < parameters.robustness_floor:
        return Decision(
            False,
            f"on perturbed images it keeps {contest.kept_when_perturbed:.2%} of its accuracy; "
            f"release.robustness_floor is {parameters.robustness_floor:.2%}",
        )
    if contest.champion is None:
        return Decision(True, f"it is the first; right on {contest.candidate:.2%} of the validation images")
    margin = parameters.margin if parameters.margin is not None else _half_width(contest.candidate, contest.images)
    gain = contest.candidate - contest.champion
    return Decision(
        gain > margin,
        f"right on {contest.candidate:.2%} of the validation images, the champion on {contest.champion:.2%}: "
        f"{100 * gain:+.2f} points, of which more than {100 * margin:.2f} are needed",
    )


def _half_width(accuracy: float, images: int) -> float:
    low, high = accuracy_interval(round(accuracy * images), images)
    return (high - low) / 2
