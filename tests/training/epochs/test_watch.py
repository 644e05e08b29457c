import math

import numpy as np
import pytest

from mnist_resnet.errors import UserError
from mnist_resnet.training.epochs.watch import StepWatch, TrainingError


@pytest.fixture
def shown() -> list:
    return []


@pytest.fixture
def watch(shown) -> StepWatch:
    """Of an epoch before which there were 24 steps, at rates that say their steps."""

    def show(amount, detail=""):
        shown.append((amount, detail))

    return StepWatch(show, 16, 24, "Made squares", float, "Lower it")


def test_each_step_is_shown_with_the_figures_so_far(watch, shown):
    watch.started -= 2.0
    watch.seen(0, [0.5], 0.75)
    watch.seen(1, [0.25], 1.0)
    (first, words), (second, other_words) = shown
    assert first == second == 16
    assert words.startswith("loss 0.5000, accuracy 0.7500, ")
    assert other_words.startswith("loss 0.2500, accuracy 1.0000, ")
    # 32 images in little more than the two seconds put on the clock.
    assert 10 <= float(other_words.split(", ")[2].removesuffix(" images/s")) <= 16


def test_several_steps_are_shown_at_once_with_the_last_figures(watch, shown):
    watch.started -= 2.0
    watch.seen(0, [0.75, 0.5], 0.5)
    watch.seen(2, [0.25, 0.125, 0.0625], 1.0)
    assert [amount for amount, _ in shown] == [32, 48]
    assert shown[1][1].startswith("loss 0.0625, accuracy 1.0000, ")
    assert 30 <= float(shown[1][1].split(", ")[2].removesuffix(" images/s")) <= 40


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf, np.float32("nan")])
def test_a_loss_that_is_not_finite_stops_with_step_rate_and_remedies(watch, shown, loss):
    watch.seen(0, [1.0], 0.5)
    with pytest.raises(TrainingError) as stopped:
        watch.seen(3, [loss], 0.5)
    assert isinstance(stopped.value, UserError)
    assert str(stopped.value) == (
        # 24 steps came before this epoch, of which it is the fourth; the rate is that of the step, not of the next.
        f"Made squares: the loss is {loss} at step 28, the learning rate 27. Lower it"
    )
    assert len(shown) == 1


def test_of_several_steps_the_first_without_a_finite_loss_is_named(watch):
    with pytest.raises(TrainingError, match="the loss is inf at step 31, the learning rate 30"):
        watch.seen(5, [1.0, math.inf, math.nan, math.nan], 0.5)
