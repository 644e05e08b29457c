"""The rule by which a model takes the present champion's place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

import numpy as np

from mnist_resnet.config import Dataset, ReleaseParameters
from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.errors import UserError
from mnist_resnet.evaluation.paired import Correct, compare_correct


class IncomparableError(UserError, ValueError):
    """A champion that cannot be run on the present images, or whose classes are others."""


@dataclass(frozen=True)
class Champion:
    """The model that the registry has as champion.

    Attributes:
        version: In the registry.
        onnx: The content of its ONNX file; None if it cannot be fetched.
        obstacle: The reason, in that case.
    """

    version: str
    onnx: bytes | None
    obstacle: str = ""


class NoChampion(Enum):
    """The reason why no champion is known."""

    NONE = "the registry has none"
    AWAY = "the registry does not answer, or the run is recorded offline"
    UNUSED = "nothing is registered in this run"


@dataclass(frozen=True)
class Contest:
    """What decides, measured by onnxruntime on the validation images; test figures never decide.

    Attributes:
        labels: uint8 (images,), the true classes of the validation images; possibly none.
        candidate: bool (images,), whether the new model is right on each.
        champion: The same of the present champion; None if there is none to compare with.
        kept_when_perturbed: Share of its accuracy that the new model keeps on perturbed validation images, as a mean,
            in 0 to 1; None without any.
    """

    labels: UInt8Array
    candidate: Correct
    champion: Correct | None
    kept_when_perturbed: float | None

    @property
    def guess(self) -> Correct:
        """Who always names the most frequent class of these labels: no other constant answer is right as often."""
        return np.asarray(self.labels == np.bincount(self.labels).argmax())

    def figures(self) -> dict[str, Any]:
        """What ``release.json`` says of it: accuracies, and how the candidate differs from those it must beat."""
        if not len(self.labels):
            return {"images": 0, "candidate": None, "champion": None, "kept_when_perturbed": None}
        return {
            "images": len(self.labels),
            "candidate": float(self.candidate.mean()),
            "champion": None if self.champion is None else float(self.champion.mean()),
            "kept_when_perturbed": self.kept_when_perturbed,
            "guess": float(self.guess.mean()),
            "over_guess": _figures(self.guess, self.candidate),
            "over_champion": None if self.champion is None else _figures(self.champion, self.candidate),
        }


def _figures(rival: Correct, candidate: Correct) -> dict[str, float]:
    paired = compare_correct(rival, candidate)
    return {"gained": paired.gained, "lost": paired.lost, "p": paired.chance_of_gain()}


@dataclass(frozen=True)
class Decision:
    """Whether the new model becomes champion, and why, in words."""

    champion: bool
    reason: str


@dataclass(frozen=True)
class Release:
    """An evaluated model, and what is to become of it in the registry.

    Attributes:
        decision: Whether it becomes champion; if ``onnx_sha256`` is empty, why it is not registered at all.
        onnx_sha256: The digest of its ONNX file.
        tags: Notes for its version in the registry.
        champion_before: The version of the champion at present; None if there is none.
        contest: The figures that decided, for ``release.json``.
        comparable: Whether the champion could be asked, if there is one.
    """

    decision: Decision
    onnx_sha256: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    champion_before: str | None = None
    contest: Mapping[str, Any] = field(default_factory=dict)
    comparable: bool = True


def decide(contest: Contest, parameters: ReleaseParameters) -> Decision:
    """Compare a new model with guessing and with the present champion, image by image.

    Args:
        contest: What was measured.
        parameters: The significance to win at, and the floor for perturbed images.
    """
    kept, floor = contest.kept_when_perturbed, parameters.robustness_floor
    if kept is None:
        return Decision(False, "there are no validation images to choose by")
    over_guess = _compare(contest, contest.guess, "always answering the most frequent class", parameters)
    if not over_guess.champion:
        return over_guess
    if kept < floor:
        return Decision(
            False,
            f"on perturbed validation images it keeps {kept:.2%} of its accuracy; release.robustness_floor is "
            f"{floor:.2%}",
        )
    if contest.champion is None:
        return replace(over_guess, reason=f"first model of this data set; {over_guess.reason}")
    return _compare(contest, contest.champion, "the champion", parameters)


def _compare(contest: Contest, rival: Correct, name: str, parameters: ReleaseParameters) -> Decision:
    """Whether the candidate beats a rival by more than chance explains."""
    paired = compare_correct(rival, contest.candidate)
    chance = paired.chance_of_gain()
    return Decision(
        chance <= parameters.significance,
        f"right on {contest.candidate.mean():.2%} of {paired.images:,} validation images, {name} on "
        f"{rival.mean():.2%}: {paired.gained:,} images gained, {paired.lost:,} lost; the probability that chance alone "
        f"gains as many is {chance:.2g} (release.significance: {parameters.significance:g})",
    )


def check_comparable(champion: bytes, dataset: Dataset) -> None:
    """Refuse a champion that was made for other images or classes than the data set has now.

    Args:
        champion: The ONNX file's content.
        dataset: The present data set.

    Raises:
        ModelFileError: If it is no ONNX classifier of raw images.
        IncomparableError: If its image size or its classes differ.
    """
    from mnist_resnet.evaluation.classifier import open_classifier

    model = open_classifier(champion, "its file")
    theirs, ours = _shape(model.image_size, model.class_names), _shape(dataset.image_size, dataset.class_names)
    if theirs != ours:
        raise IncomparableError(f"it is made for {theirs}; {dataset.title} has {ours}")
    renamed = [pair for pair in zip(model.class_names, dataset.class_names, strict=True) if len(set(pair)) > 1]
    if renamed:
        theirs, ours = renamed[0]
        raise IncomparableError(f"it has the class '{theirs}' where {dataset.title} has '{ours}'")


def _shape(image_size: tuple[int, int], class_names: Sequence[str]) -> str:
    return f"{image_size[0]}×{image_size[1]} images of {len(class_names)} classes"
