from functools import partial

import keras
import numpy as np
import pytest

from mnist_resnet.models.resnet import build_network
from mnist_resnet.training.augmentation import draw_epoch
from mnist_resnet.training.epochs.host_fed import HostFedEpochs
from mnist_resnet.training.epochs.watch import StepWatch, TrainingError
from mnist_resnet.training.runtime import runtime
from mnist_resnet.training.trainee import build_trainee

STEPS = 12  # of an epoch: 192 images in batches of 16


@pytest.fixture
def prepare(model_parameters, preprocessing, made_split):
    """A way to run epochs, and the network that it trains."""

    def prepare(parameters, make_epochs=HostFedEpochs):
        with runtime(parameters):
            network = build_network(model_parameters, preprocessing, (8, 8), 3)
            trainee = build_trainee(network, STEPS * parameters.epochs, parameters)
            return make_epochs(trainee, network, made_split, parameters), network

    return prepare


def spoilt(trainee, *arguments, **options) -> HostFedEpochs:
    """Epochs whose seventh step leaves no weight finite."""
    rates = keras.optimizers.schedules.PiecewiseConstantDecay([5], [0.01, 3e38])
    trainee.optimizer.learning_rate = rates
    return HostFedEpochs(trainee, *arguments, **options)


@pytest.fixture
def shown() -> list:
    return []


@pytest.fixture
def watch(shown) -> StepWatch:
    """Of the first epoch, at rates that say their steps."""
    return StepWatch(lambda amount, detail="": shown.append(amount), 16, 0, "Made squares", float, "")


@pytest.fixture
def draws(training_parameters):
    return draw_epoch(192, (8, 8), 0, training_parameters)


def test_an_epoch_does_not_depend_on_how_often_its_loss_is_looked_at(prepare, draws, watch, shown, training_parameters):
    epochs, network = prepare(training_parameters)
    end = epochs.run(draws, watch)
    assert shown == [16] * STEPS
    shown.clear()

    seldom, other = prepare(training_parameters, partial(HostFedEpochs, look_every=5))
    assert seldom.run(draws, watch) == end
    assert shown == [80, 80, 32]
    for one, another in zip(network.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, another)


@pytest.mark.parametrize("look_every", [1, 5, 100])
def test_the_step_of_a_loss_that_is_not_finite_is_exact_however_often_one_looks(
    prepare, draws, watch, training_parameters, look_every
):
    epochs, _ = prepare(training_parameters, partial(spoilt, look_every=look_every))
    with pytest.raises(TrainingError, match=r"the loss is (nan|inf) at step 8, the learning rate 7"):
        epochs.run(draws, watch)
