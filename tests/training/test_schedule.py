from dataclasses import replace

import keras
import numpy as np
import pytest

from mnist_resnet.training.optimizers import build_optimizer
from mnist_resnet.training.schedule import OneCycle, learning_rate, rate_at

PEAK, STEPS, WARMUP = 0.1, 200, 50


@pytest.fixture
def schedule() -> OneCycle:
    return OneCycle(PEAK, STEPS, WARMUP / STEPS)


def rates(schedule, steps) -> np.ndarray:
    return np.array([float(schedule(step)) for step in steps])


# float32 arithmetic: a few units in the 24th bit of the largest term, the peak.
@pytest.mark.parametrize(
    ("step", "rate"),
    [
        (0, PEAK / 25),
        (WARMUP / 2, (PEAK / 25 + PEAK) / 2),
        (WARMUP, PEAK),
        ((WARMUP + STEPS) / 2, (PEAK + PEAK / 1000) / 2),
        (STEPS, PEAK / 1000),
        (10 * STEPS, PEAK / 1000),
    ],
)
def test_the_rate_at_the_turning_points(schedule, step, rate):
    assert float(schedule(step)) == pytest.approx(rate, rel=0, abs=1e-7 * PEAK * 10)


def test_the_last_step_of_a_training_is_near_the_lowest_rate(schedule):
    assert PEAK / 1000 < float(schedule(STEPS - 1)) < PEAK / 900


def test_the_rate_rises_then_falls(schedule):
    assert (np.diff(rates(schedule, range(WARMUP + 1))) > 0).all()
    assert (np.diff(rates(schedule, range(WARMUP, STEPS + 1))) < 0).all()


def test_the_rate_has_no_jump_where_warmup_ends_between_two_steps():
    schedule = OneCycle(PEAK, 36, 0.3)
    around = rates(schedule, [10.8 - 1e-3, 10.8, 10.8 + 1e-3])
    np.testing.assert_allclose(around, PEAK, rtol=1e-5)


def test_the_rate_follows_a_cosine(schedule):
    steps = np.arange(WARMUP, STEPS + 1)
    progress = (steps - WARMUP) / (STEPS - WARMUP)
    expected = PEAK / 1000 + (PEAK - PEAK / 1000) * (1 + np.cos(np.pi * progress)) / 2
    np.testing.assert_allclose(rates(schedule, steps), expected, rtol=0, atol=1e-6 * PEAK)


def test_the_configuration_rebuilds_the_schedule(schedule):
    assert schedule.get_config() == {"peak": PEAK, "steps": STEPS, "warmup_fraction": WARMUP / STEPS}
    rebuilt = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    assert type(rebuilt) is OneCycle
    steps = range(0, STEPS + 1, 10)
    np.testing.assert_array_equal(rates(schedule, steps), rates(rebuilt, steps))


def test_an_optimizer_takes_the_schedule(schedule):
    optimizer = keras.optimizers.SGD(schedule)
    optimizer.build([])
    optimizer.iterations.assign(WARMUP)
    assert float(np.asarray(optimizer.learning_rate)) == pytest.approx(PEAK)


@pytest.mark.parametrize("schedule", ["one_cycle", "cosine", "constant"])
def test_the_rate_of_a_step_is_to_the_bit_that_of_the_optimizer(training_parameters, schedule):
    parameters = replace(training_parameters, schedule=schedule, learning_rate=PEAK)
    optimizer = build_optimizer(STEPS, parameters)
    for step in range(STEPS + 1):
        optimizer.iterations.assign(step)
        rate = rate_at(step, STEPS, parameters)
        assert type(rate) is float
        assert rate == float(np.asarray(optimizer.learning_rate))


def test_a_constant_rate_is_a_number(training_parameters):
    assert learning_rate(STEPS, replace(training_parameters, schedule="constant", learning_rate=PEAK)) == PEAK


def test_one_cycle_has_the_recipes_peak_and_warmup(training_parameters):
    parameters = replace(training_parameters, schedule="one_cycle", learning_rate=PEAK, warmup_fraction=WARMUP / STEPS)
    schedule = learning_rate(STEPS, parameters)
    assert type(schedule) is OneCycle
    assert schedule.get_config() == {"peak": PEAK, "steps": STEPS, "warmup_fraction": WARMUP / STEPS}


@pytest.fixture
def cosine(training_parameters):
    """A cosine schedule with some warm-up."""

    def cosine(fraction, steps=STEPS):
        return learning_rate(
            steps, replace(training_parameters, schedule="cosine", learning_rate=PEAK, warmup_fraction=fraction)
        )

    return cosine


def test_a_cosine_rises_evenly_from_zero_then_falls_to_zero(cosine):
    schedule = cosine(WARMUP / STEPS)
    # float32 arithmetic: a few units in the 24th bit of the peak.
    rise = PEAK * np.arange(WARMUP + 1) / WARMUP
    np.testing.assert_allclose(rates(schedule, range(WARMUP + 1)), rise, rtol=0, atol=1e-6 * PEAK)
    steps = np.arange(WARMUP, STEPS + 1)
    fall = PEAK * (1 + np.cos(np.pi * (steps - WARMUP) / (STEPS - WARMUP))) / 2
    np.testing.assert_allclose(rates(schedule, steps), fall, rtol=0, atol=1e-6 * PEAK)
    assert float(schedule(10 * STEPS)) == pytest.approx(0, abs=1e-6 * PEAK)


@pytest.mark.parametrize(("fraction", "steps"), [(0.001, STEPS), (0.999, STEPS), (0.4, 1), (0.6, 1)])
def test_a_cosine_takes_any_warmup(cosine, fraction, steps):
    values = rates(cosine(fraction, steps), range(steps + 1))
    assert np.isfinite(values).all()
    assert values.min() >= 0
    # Less than half a step of warm-up is none; a training that is all warm-up ends at the peak.
    assert values.max() == pytest.approx(PEAK)
