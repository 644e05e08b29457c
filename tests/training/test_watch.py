import math
from types import SimpleNamespace

import numpy as np
import pytest

from mnist_resnet.errors import UserError
from mnist_resnet.training.watch import RawWeights, StepWatch, TrainingError

RATES = {24: 0.125, 27: 0.25, 28: 0.5}  # by step, counted from 0


@pytest.fixture
def shown() -> list:
    return []


@pytest.fixture
def watch(shown) -> StepWatch:
    return StepWatch(lambda amount, detail="": shown.append((amount, detail)), 16, 24, "Made squares", RATES.get)


def test_each_step_is_shown_with_the_figures_so_far(watch, shown):
    watch.started -= 2.0
    watch.on_train_batch_end(0, {"loss": 0.5, "accuracy": 0.75})
    watch.on_train_batch_end(1, {"loss": 0.25, "accuracy": 1.0})
    (first, words), (second, other_words) = shown
    assert first == second == 16
    assert words.startswith("loss 0.5000, accuracy 0.7500, ")
    assert other_words.startswith("loss 0.2500, accuracy 1.0000, ")
    # 32 images in little more than the two seconds put on the clock.
    assert 10 <= float(other_words.split(", ")[2].removesuffix(" images/s")) <= 16


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf, np.float32("nan")])
def test_a_loss_that_is_not_finite_stops_with_step_rate_and_remedies(watch, shown, loss):
    watch.on_train_batch_end(0, {"loss": 1.0, "accuracy": 0.5})
    with pytest.raises(TrainingError) as stopped:
        watch.on_train_batch_end(3, {"loss": loss, "accuracy": 0.5})
    assert isinstance(stopped.value, UserError)
    assert str(stopped.value) == (
        # 24 steps came before this epoch, and it is the fourth one of it.
        f"Made squares: the loss is {loss} at step 28, the learning rate 0.25. "
        "Lower training.learning_rate, lengthen training.warmup_fraction, or set training.precision to float32"
    )
    assert len(shown) == 1


@pytest.mark.parametrize("logs", [None, {}, {"accuracy": 0.5}])
def test_a_loss_that_nobody_reports_is_not_taken_for_finite(watch, logs):
    with pytest.raises(TrainingError):
        watch.on_train_batch_end(0, logs)


def test_raw_weights_are_those_of_the_end_of_the_epoch():
    weights = [np.array([1.0]), np.array([2.0])]
    raw = RawWeights()
    raw.set_model(SimpleNamespace(get_weights=lambda: list(weights)))
    raw.on_epoch_end(0)
    weights[0] = np.array([3.0])
    assert [each.item() for each in raw.weights] == [1.0, 2.0]
