"""The paired comparison, against published values and against simulation."""

import numpy as np
import pytest
from scipy.stats import binom

from mnist_resnet.evaluation.paired import Paired, compare_correct, images_needed


def test_differences_are_counted() -> None:
    first = np.array([True, True, True, False, False])
    second = np.array([True, False, True, True, False])
    assert compare_correct(first, second) == Paired(images=5, gained=1, lost=1)


def test_the_gain_is_the_difference_of_the_accuracies() -> None:
    assert Paired(images=200, gained=5, lost=1).gain == pytest.approx(0.02)


@pytest.mark.parametrize(("gained", "lost"), [(0, 0), (5, 1), (1, 5), (12, 12)])
def test_the_chance_of_a_gain_is_a_binomial_tail(gained: int, lost: int) -> None:
    expected = binom.sf(gained - 1, gained + lost, 0.5)
    assert Paired(1000, gained, lost).chance_of_gain() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("lost", "gained", "images", "upper"),
    [
        # Tango 1998, the crossover trial of two disinfectants for contact lenses: 44 pairs, of which one differs.
        (1, 0, 44, 0.118),
    ],
)
def test_the_upper_end_is_that_of_the_publication(lost: int, gained: int, images: int, upper: float) -> None:
    # The published interval is two-sided: its upper end is exceeded in 2.5 %.
    assert Paired(images, gained, lost).greatest_loss(0.975) == pytest.approx(upper, abs=5e-4)


def test_no_difference_leaves_room_for_a_small_loss() -> None:
    # With no loss seen the score bound is z²/(n + z²).
    z_squared = 1.6448536269514722**2
    assert Paired(3000, 0, 0).greatest_loss() == pytest.approx(z_squared / (3000 + z_squared), rel=1e-3)


def test_all_lost_is_all_lost() -> None:
    assert Paired(10, 0, 10).greatest_loss() == 1.0


def test_a_much_better_classifier_loses_nothing() -> None:
    assert Paired(1000, 200, 0).greatest_loss() == 0.0


def test_the_bound_holds_in_nineteen_of_twenty_samples() -> None:
    generator = np.random.default_rng(0)
    shares = (0.02, 0.015, 0.965)  # lost, gained, alike: a true loss of 0.005
    samples = generator.multinomial(1000, shares, size=400)
    held = np.mean([Paired(1000, gained, lost).greatest_loss() >= 0.005 for lost, gained, _ in samples])
    # The standard error of a share of 0.95 in 400 samples is 0.011.
    assert 0.95 - 0.035 < held < 0.95 + 0.035


@pytest.mark.parametrize("loss", [0.002, 0.005, 0.1, 0.5])
def test_the_images_needed_are_the_fewest_that_show_it(loss: float) -> None:
    images = images_needed(loss)
    assert Paired(images, 0, 0).greatest_loss() <= loss
    assert Paired(images - 1, 0, 0).greatest_loss() > loss
