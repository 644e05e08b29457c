import pytest

from mnist_resnet.config import ReleaseParameters
from mnist_resnet.evaluation.champion import Contest, decide
from mnist_resnet.evaluation.metrics import accuracy_interval


def parameters(margin: float | None = 0.01) -> ReleaseParameters:
    return ReleaseParameters(register=True, margin=margin, robustness_floor=0.5)


def contest(candidate: float | None = 0.9, champion: float | None = 0.8, kept: float = 0.7) -> Contest:
    return Contest(images=1000, candidate=candidate, champion=champion, kept_when_perturbed=kept)


def test_the_first_model_is_champion():
    decision = decide(contest(champion=None), parameters())
    assert decision.champion
    assert decision.reason == "it is the first; right on 90.00% of the validation images"


@pytest.mark.parametrize(
    ("candidate", "wins"), [(0.85, True), (0.812, True), (0.809, False), (0.8, False), (0.7, False)]
)
def test_a_champion_is_beaten_by_more_than_the_margin(candidate, wins):
    decision = decide(contest(candidate), parameters())
    assert decision.champion is wins
    assert "the champion on 80.00%" in decision.reason
    assert "more than 1.00 are needed" in decision.reason


def test_without_a_margin_it_is_half_of_the_interval():
    low, high = accuracy_interval(900, 1000)
    half = (high - low) / 2
    assert not decide(contest(0.9, 0.9 - 0.99 * half), parameters(None)).champion
    assert decide(contest(0.9, 0.9 - 1.01 * half), parameters(None)).champion


@pytest.mark.parametrize("champion", [None, 0.1])
def test_a_fragile_model_never_wins(champion):
    decision = decide(contest(champion=champion, kept=0.49), parameters())
    assert not decision.champion
    assert decision.reason == (
        "on perturbed images it keeps 49.00% of its accuracy; release.robustness_floor is 50.00%"
    )


def test_without_validation_images_nobody_wins():
    decision = decide(Contest(0, None, None, 1.0), parameters())
    assert not decision.champion
    assert "no validation images" in decision.reason
