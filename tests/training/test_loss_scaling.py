from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from mnist_resnet.training.optimizers import FusedAdam, FusedSGD, LossScaling, build_optimizer
from mnist_resnet.training.runtime import runtime
from mnist_resnet.training.schedule import rate_at

pytestmark = pytest.mark.usefixtures("precision_before")

STEPS = 12
SKIPPED = [0, 1, 5]
DECAY = 0.5


@pytest.fixture(params=["sgd", "adam"])
def recipe(request, training_parameters):
    return replace(training_parameters, optimizer=request.param, weight_decay=DECAY, precision="mixed_float16")


def build(parameters) -> LossScaling:
    with runtime(parameters):
        return build_optimizer(STEPS, parameters)


@pytest.fixture(params=["eager", "graph"])
def apply(request):
    """A step, taken at once or as TensorFlow compiles it."""
    return tf.function if request.param == "graph" else lambda function: function


def run(optimizer, apply) -> list[float]:
    """The rate of each step that changes a weight, by how much that decays under gradients of 0."""
    kernel, rates = keras.Variable(np.ones((2, 2)), name="kernel"), []
    optimizer.build([kernel])
    step = apply(optimizer.apply)
    for number in range(STEPS):
        kernel.assign(np.ones((2, 2)))
        step([tf.fill((2, 2), np.float32(np.inf if number in SKIPPED else 0))])
        rates.append((1 - kernel.numpy()[0, 0]) / DECAY)
    return rates


def test_a_skipped_step_counts_in_the_schedule(recipe, apply):
    optimizer = build(recipe)
    expected = [0 if step in SKIPPED else rate_at(step, STEPS, recipe) for step in range(STEPS)]
    # The weight of 1 is rounded to 6e-8, and what it has lost is half of the rate.
    np.testing.assert_allclose(run(optimizer, apply), expected, rtol=0, atol=2e-7)
    assert float(optimizer.learning_rate) == rate_at(STEPS, STEPS, recipe)


def test_a_skipped_step_counts_as_no_update(recipe, apply):
    optimizer = build(recipe)
    run(optimizer, apply)
    assert int(optimizer.iterations) == STEPS - len(SKIPPED)
    assert float(optimizer.dynamic_scale) == 2.0 ** (15 - len(SKIPPED))


def test_without_a_schedule_the_rate_is_constant(recipe, apply):
    optimizer = build(replace(recipe, schedule="constant"))
    expected = [0 if step in SKIPPED else recipe.learning_rate for step in range(STEPS)]
    np.testing.assert_allclose(run(optimizer, apply), expected, rtol=0, atol=2e-7)


def test_only_float16_has_its_loss_scaled(training_parameters):
    for precision in ("float32", "mixed_bfloat16"):
        assert type(build(replace(training_parameters, precision=precision))) is FusedSGD
    for optimizer, kind in {"sgd": FusedSGD, "adam": FusedAdam}.items():
        built = build(replace(training_parameters, precision="mixed_float16", optimizer=optimizer))
        assert type(built) is LossScaling
        assert type(built.inner_optimizer) is kind
