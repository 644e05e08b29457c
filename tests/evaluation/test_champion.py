import json
from dataclasses import replace

import numpy as np
import pytest
from onnx import TensorProto

from mnist_resnet.config import Dataset, NamespaceParameters, ReleaseParameters
from mnist_resnet.evaluation.champion import Contest, IncomparableError, check_comparable, decide
from mnist_resnet.evaluation.classifier import ModelFileError
from tests.conftest import MadeData
from tests.made_model import CLASS_NAMES, halves_model

# The most frequent class, 3, has 40 of 100 images.
LABELS = np.repeat(np.array([0, 1, 3], np.uint8), [30, 30, 40])
# Whichever of these twenty classes is guessed, it is that of 5 images.
EVEN_LABELS = np.repeat(np.arange(20, dtype=np.uint8), 5)


@pytest.fixture
def parameters(base: NamespaceParameters) -> ReleaseParameters:
    return replace(base.release, significance=0.05, robustness_floor=0.5)


def right_on(*images: range) -> np.ndarray:
    return np.isin(np.arange(100), np.concatenate(images))


def contest(candidate: np.ndarray, champion: np.ndarray | None = None, kept: float = 0.7) -> Contest:
    return Contest(LABELS, candidate, champion, kept)


def duel(candidate: np.ndarray, champion: np.ndarray) -> Contest:
    return Contest(EVEN_LABELS, candidate, champion, kept_when_perturbed=0.7)


def test_the_first_model_that_beats_guessing_is_champion(parameters):
    decision = decide(contest(right_on(range(90))), parameters)
    assert decision.champion
    # Guessing is right on the last 40 images: 60 are gained, 10 lost.
    assert decision.reason == (
        "first model of this data set; right on 90.00% of 100 validation images, always answering the most frequent "
        "class on 40.00%: 60 images gained, 10 lost; the probability that chance alone gains as many is 4e-10 "
        "(release.significance: 0.05)"
    )


def test_a_model_that_is_never_right_is_not_champion_even_as_the_first(parameters):
    decision = decide(contest(right_on(range(0)), kept=0.0), parameters)
    assert not decision.champion
    assert "right on 0.00% of 100 validation images" in decision.reason
    assert "0 images gained, 40 lost; the probability that chance alone gains as many is 1 (" in decision.reason


@pytest.mark.parametrize(
    "candidate",
    [
        right_on(range(60, 100)),  # names the most frequent class itself
        right_on(range(50)),  # 50 against 40: 50 gained, 40 lost, p = 0.17
        right_on(range(4), range(60, 100)),  # four gained, none lost, p = 1/16
    ],
)
@pytest.mark.parametrize("champion", [None, right_on(range(0))])
def test_no_model_that_guesses_is_champion(candidate, champion, parameters):
    decision = decide(contest(candidate, champion), parameters)
    assert not decision.champion
    assert "always answering the most frequent class on 40.00%" in decision.reason


def test_five_gained_and_none_lost_suffice(parameters):
    # 1/32 is less than 0.05, the 1/16 of four is not.
    assert decide(contest(right_on(range(5), range(60, 100))), parameters).champion


@pytest.mark.parametrize(
    ("gained", "lost", "wins"),
    [(0, 0, False), (4, 0, False), (5, 0, True), (7, 1, True), (7, 2, False), (9, 2, True), (1, 9, False)],
)
def test_a_champion_is_beaten_by_more_than_chance_explains(gained, lost, wins, parameters):
    decision = decide(duel(right_on(range(lost, 50 + gained)), right_on(range(50))), parameters)
    assert decision.champion is wins
    assert "the champion on 50.00%" in decision.reason
    assert f"{gained} images gained, {lost} lost" in decision.reason


def test_images_decide_that_the_accuracies_alone_do_not(parameters):
    # Five points of gain: where few images differ they are more than chance, where many do they are not.
    champion = right_on(range(50))
    assert decide(duel(right_on(range(55)), champion), parameters).champion
    assert not decide(duel(right_on(range(20, 75)), champion), parameters).champion


def test_significance_is_what_the_chance_must_not_exceed(parameters):
    four_gained = duel(right_on(range(54)), right_on(range(50)))
    assert decide(four_gained, replace(parameters, significance=1 / 16)).champion
    assert not decide(four_gained, replace(parameters, significance=0.0624)).champion


@pytest.mark.parametrize("champion", [None, right_on(range(10))])
def test_a_fragile_model_never_wins(champion, parameters):
    decision = decide(contest(right_on(range(90)), champion, kept=0.49), parameters)
    assert not decision.champion
    assert decision.reason == (
        "on perturbed validation images it keeps 49.00% of its accuracy; release.robustness_floor is 50.00%"
    )


def test_without_validation_images_nobody_wins(parameters):
    nothing = Contest(np.zeros(0, np.uint8), np.zeros(0, np.bool_), None, None)
    decision = decide(nothing, parameters)
    assert not decision.champion
    assert "no validation images" in decision.reason
    expected = {"images": 0, "candidate": None, "champion": None, "kept_when_perturbed": None}
    assert expected.items() <= nothing.figures().items()


def test_the_figures_are_those_of_the_contest():
    # The chance of 60 heads or more in 70 tosses of a coin is 4.0024e-10.
    figures = contest(right_on(range(90)), right_on(range(88))).figures()
    assert json.loads(json.dumps(figures)) == figures
    assert figures == {
        "images": 100,
        "candidate": 0.9,
        "champion": 0.88,
        "kept_when_perturbed": 0.7,
        "guess": 0.4,
        "over_guess": {"gained": 60, "lost": 10, "p": pytest.approx(4.0024e-10, rel=1e-4)},
        "over_champion": {"gained": 2, "lost": 0, "p": 0.25},
    }


@pytest.fixture
def halves(made_data: MadeData) -> Dataset:
    return replace(made_data.dataset, class_names=CLASS_NAMES)


def test_a_champion_of_the_same_images_and_classes_can_be_compared(halves):
    check_comparable(halves_model(), halves)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"image_size": (10, 8)}, "it is made for 8×8 images of 3 classes; Made squares has 10×8 images of 3 classes"),
        ({"class_names": (*CLASS_NAMES, "more")}, "of 3 classes; Made squares has 8×8 images of 4 classes"),
        (
            {"class_names": ("left", "dark", "right")},
            "it has the class 'right' where Made squares has 'dark'",
        ),
    ],
)
def test_a_champion_of_other_images_or_classes_is_refused(halves, changes, words):
    with pytest.raises(IncomparableError, match=words):
        check_comparable(halves_model(), replace(halves, **changes))


@pytest.mark.parametrize("content", [b"no model", halves_model(dtype=TensorProto.INT8)])
def test_a_file_that_is_no_classifier_of_images_is_refused(halves, content):
    with pytest.raises(ModelFileError, match="its file"):
        check_comparable(content, halves)
