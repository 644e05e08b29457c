"""Epochs on the device, on whichever backend runs these tests."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest

from mnist_resnet.models.convolution import Convolution
from mnist_resnet.models.normalization import FusedBatchNormalization
from mnist_resnet.models.pooling import MaxPooling
from mnist_resnet.models.resnet import build_network
from mnist_resnet.training.augmentation import draw_epoch
from mnist_resnet.training.batches import training_batches
from mnist_resnet.training.epochs.host_fed import HostFedEpochs
from mnist_resnet.training.epochs.on_device import DeviceEpochs, Samples, batch_of, chunks
from mnist_resnet.training.epochs.watch import StepWatch, TrainingError
from mnist_resnet.training.fit import train
from mnist_resnet.training.runtime import runtime

TITLE = "Made squares"
STEPS = 12  # of an epoch: 192 images in batches of 16
# After two epochs, of weights up to about one: two compilers add float32 up in other orders.
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def recipe(training_parameters):
    """Everything that is more than plain steps, in float32 on any processor."""
    return replace(
        training_parameters,
        optimizer="adam",
        learning_rate=0.01,
        average_decay=0.8,
        keep_best_epoch=True,
        horizontal_flip=True,
        erased_fraction=0.5,
        precision="float32",
    )


def small_network() -> keras.Model:
    """One of each kind of layer whose training is not Keras' own; compiled in a second."""
    image = keras.Input((8, 8), dtype="uint8", name="image")
    features = keras.layers.Rescaling(1 / 255, dtype="float32")(keras.layers.Reshape((8, 8, 1), dtype="uint8")(image))
    features = FusedBatchNormalization()(Convolution(4, 3, padding="same", use_bias=False)(features))
    features = keras.layers.GlobalAveragePooling2D()(MaxPooling(3, strides=2, padding="same")(features))
    logits = keras.layers.Dense(3, dtype="float32", name="logits")(features)
    return keras.Model(image, keras.layers.Softmax(dtype="float32", name="probabilities")(logits))


@pytest.fixture(scope="module")
def trained(made_split):
    """The weights and the history of a training of a small network."""

    def trained(parameters, make_epochs, split=made_split, checkpoint=None, build=small_network):
        with runtime(parameters):
            network = build()
            history = train(network, split, parameters, TITLE, checkpoint, make_epochs)
        assert network.get_layer("logits").dtype_policy.name == "float32"
        return network.get_weights(), [replace(each, seconds=0.0, images_per_second=0.0) for each in history]

    return trained


@pytest.fixture(scope="module")
def whole_epochs(trained, recipe):
    """A training whose epochs are one program each."""
    return trained(recipe, DeviceEpochs)


def assert_equal(one, other) -> None:
    """The same bits, and the same figures."""
    for left, right in zip(one[0], other[0], strict=True):
        np.testing.assert_array_equal(left, right)
    assert one[1] == other[1]


def assert_close(one, other, tolerance: float = TOLERANCE) -> None:
    for left, right in zip(one[0], other[0], strict=True):
        np.testing.assert_allclose(left, right, rtol=0, atol=tolerance)
    for left, right in zip(one[1], other[1], strict=True):
        assert left.train_loss == pytest.approx(right.train_loss, rel=tolerance)
        assert left.validation_loss == pytest.approx(right.validation_loss, rel=tolerance)
        # An image between two classes may fall to either.
        assert left.train_accuracy == pytest.approx(right.train_accuracy, abs=1 / 192)
        assert left.learning_rate == right.learning_rate


@pytest.mark.parametrize("steps_at_once", [pytest.param(1, marks=pytest.mark.landing), 3])
def test_however_many_steps_are_one_program_the_bits_are_the_same(trained, recipe, whole_epochs, steps_at_once):
    assert_equal(trained(recipe, partial(DeviceEpochs, steps_at_once=steps_at_once)), whole_epochs)


def test_the_outcome_is_that_of_fit_to_rounding(trained, recipe, whole_epochs):
    assert_close(whole_epochs, trained(recipe, HostFedEpochs))


@pytest.mark.landing
def test_the_last_program_may_have_fewer_steps(trained, recipe, made_split):
    # Eleven steps, which only programs of one step divide evenly, and nine images that are left out.
    short = made_split._replace(train_images=made_split.train_images[:185], train_labels=made_split.train_labels[:185])
    uneven, whole = (trained(recipe, partial(DeviceEpochs, steps_at_once=most), short) for most in (4, 11))
    assert_equal(uneven, whole)


@pytest.mark.landing
@pytest.mark.parametrize("images", [1, 500, 548])
def test_all_validation_images_count_in_batches_or_as_the_rest(trained, recipe, made_split, images):
    chosen = np.arange(images) % len(made_split.validation_labels)
    split = made_split._replace(
        validation_images=made_split.validation_images[chosen], validation_labels=made_split.validation_labels[chosen]
    )
    once = replace(recipe, epochs=1)
    (_, (here,)), (_, (there,)) = trained(once, DeviceEpochs, split), trained(once, HostFedEpochs, split)
    assert here.validation_loss == pytest.approx(there.validation_loss, rel=TOLERANCE)
    assert here.validation_accuracy == there.validation_accuracy


@pytest.mark.landing
def test_without_validation_images_training_is_the_same(trained, recipe, made_split):
    images, labels = made_split.validation_images[:0], made_split.validation_labels[:0]
    plain = replace(recipe, keep_best_epoch=False)
    empty = trained(plain, DeviceEpochs, made_split._replace(validation_images=images, validation_labels=labels))
    assert [entry.validation_loss for entry in empty[1]] == [None, None]
    for left, right in zip(empty[0], trained(plain, DeviceEpochs)[0], strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.landing
def test_a_program_is_compiled_once_for_all_places_in_an_epoch(trained, recipe, monkeypatch):
    times, seen = [time.perf_counter()], StepWatch.seen

    def clock(self, first, losses, accuracy):
        times.append(time.perf_counter())
        seen(self, first, losses, accuracy)

    monkeypatch.setattr(StepWatch, "seen", clock)
    trained(replace(recipe, epochs=1), partial(DeviceEpochs, steps_at_once=4))
    first, *others = np.diff(times)
    # Seconds of compilation against milliseconds of computing.
    assert max(others) < first / 3


@pytest.mark.landing
def test_an_interrupted_training_goes_on_to_the_same_bits(trained, recipe, whole_epochs, tmp_path, monkeypatch):
    seen = StepWatch.seen

    def cut(self, first, losses, accuracy):
        if self.first_step == STEPS and first == 4:
            raise InterruptedError
        seen(self, first, losses, accuracy)

    make_epochs = partial(DeviceEpochs, steps_at_once=4)
    with monkeypatch.context() as patch:
        patch.setattr(StepWatch, "seen", cut)
        with pytest.raises(InterruptedError):
            trained(recipe, make_epochs, checkpoint=tmp_path)
    assert_equal(trained(recipe, make_epochs, checkpoint=tmp_path), whole_epochs)


def spoilt(trainee, *arguments, **options) -> DeviceEpochs:
    """Epochs whose seventh step leaves no weight finite."""
    trainee.optimizer.learning_rate = keras.optimizers.schedules.PiecewiseConstantDecay([5], [0.01, 3e38])
    return DeviceEpochs(trainee, *arguments, **options)


@pytest.mark.parametrize("steps_at_once", [pytest.param(1, marks=pytest.mark.landing), 5])
def test_the_step_of_a_loss_that_is_not_finite_is_exact(trained, training_parameters, steps_at_once):
    parameters = replace(training_parameters, precision="float32", schedule="constant")
    with pytest.raises(TrainingError, match=r"the loss is (nan|inf) at step 8, the learning rate 0\.05"):
        trained(parameters, partial(spoilt, steps_at_once=steps_at_once))


@pytest.mark.parametrize("step", [0, 3])
def test_a_batch_is_the_one_that_the_host_would_feed(recipe, made_split, step):
    images, labels = made_split.train_images, made_split.train_labels
    draws = draw_epoch(len(labels), images.shape[1:], 0, recipe)
    samples = Samples(images, labels.astype(np.int32), draws.order.astype(np.int32), *_drawn(draws))
    made, targets = batch_of(Samples(*map(keras.ops.convert_to_tensor, samples)), step, 16)
    expected, expected_targets = training_batches(images, labels, draws, 16)[step]
    assert made.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(made[name]), array)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(targets), expected_targets)


def _drawn(draws) -> tuple:
    return draws.shifts, draws.flips, draws.erased


@pytest.mark.parametrize(
    ("steps", "most", "counts"),
    [
        (12, 64, [12]),
        (12, 12, [12]),
        (12, 5, [4, 4, 4]),
        (12, 1, [1] * 12),
        # Of steps that nothing but one divides, the last program has the rest.
        (13, 4, [4, 4, 4, 1]),
        (234, 64, [39] * 6),
        (67, 64, [64, 3]),
    ],
)
def test_programs_have_one_length_where_that_is_not_much_shorter(steps, most, counts):
    divided = list(chunks(steps, most))
    assert [count for _, count in divided] == counts
    assert [first for first, _ in divided] == np.cumsum([0, *counts[:-1]]).tolist()


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_residual_network_learns_the_same_in_each_precision(
    trained, recipe, model_parameters, preprocessing, precision, optimizer
):
    # Adam moves a weight by up to the rate in each step, whichever way a rounded gradient points.
    rate = recipe.learning_rate if precision == "float32" else recipe.learning_rate / 10
    parameters = replace(recipe, precision=precision, optimizer=optimizer, learning_rate=rate)
    build = partial(build_network, model_parameters, preprocessing, (8, 8), 3)
    programs = [trained(parameters, partial(DeviceEpochs, steps_at_once=most), build=build) for most in (1, 12)]
    assert_equal(*programs)
    # In half precision each product is rounded to 8 or 11 bits, and a step goes elsewhere where one falls otherwise.
    tolerance = TOLERANCE if precision == "float32" else 0.1
    assert_close(programs[0], trained(parameters, HostFedEpochs, build=build), tolerance)


@pytest.mark.slow
def test_all_of_this_holds_on_jax():
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "not slow", "-k", "not holds_on_jax", __file__],
        env=os.environ | {"KERAS_BACKEND": "jax"},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
