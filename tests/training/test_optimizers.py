from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from mnist_resnet.training.optimizers import FusedAdam, FusedSGD, build_optimizer
from mnist_resnet.training.schedule import OneCycle, learning_rate

STEPS = 10
SHAPES = {"kernel": (3, 3, 4, 5), "gamma": (5,), "beta": (5,), "bias": (7,)}

RECIPES = {
    "nesterov": {"optimizer": "sgd", "momentum": 0.9, "nesterov": True},
    "heavy_ball": {"optimizer": "sgd", "momentum": 0.9, "nesterov": False},
    "no_momentum": {"optimizer": "sgd", "momentum": 0.0, "nesterov": False},
    "adam": {"optimizer": "adam"},
}
EXTRAS = {
    "plain": {"weight_decay": 0.0},
    "decay_and_average": {"weight_decay": 0.1, "average_decay": 0.9},
}


@pytest.fixture(params=RECIPES)
def recipe(request, training_parameters):
    return replace(training_parameters, **RECIPES[request.param])


def published(parameters) -> keras.optimizers.Optimizer:
    """The same optimizer as Keras has it."""
    options = {
        "learning_rate": learning_rate(STEPS, parameters),
        "weight_decay": parameters.weight_decay or None,
        "use_ema": parameters.average_decay is not None,
        "ema_momentum": parameters.average_decay or 0.0,
    }
    if parameters.optimizer == "adam":
        optimizer = keras.optimizers.Adam(**options)
    else:
        optimizer = keras.optimizers.SGD(momentum=parameters.momentum, nesterov=parameters.nesterov, **options)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer


def start() -> list[keras.Variable]:
    generator = np.random.default_rng(0)
    return [keras.Variable(generator.uniform(0.5, 1.0, shape), name=name) for name, shape in SHAPES.items()]


def gradients(scale: float = 1.0) -> list[list[np.ndarray]]:
    """Those of each step; some are large, some small."""
    generator = np.random.default_rng(1)
    return [
        [(scale * generator.normal(0, 10.0 ** (step % 3 - 1), shape)).astype("float32") for shape in SHAPES.values()]
        for step in range(STEPS)
    ]


def run(optimizer, scale: float = 1.0, graph: bool = False) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The weights and what the optimizer keeps, after all steps."""
    variables = start()
    optimizer.build(variables)
    apply = tf.function(optimizer.apply) if graph else optimizer.apply
    for step in gradients(scale):
        apply([tf.constant(gradient) for gradient in step])
    return [each.numpy() for each in variables], [np.asarray(each) for each in optimizer.variables]


def assert_same(fused, expected) -> None:
    (weights, kept), (expected_weights, expected_kept) = fused, expected
    assert len(kept) == len(expected_kept)
    # float32 rounds each of a few operations a step by 6e-8 of weights near one, over 10 steps. Adam's operation
    # has 1 - 0.999 in float32, which Keras has in float64: 1.3e-5 of the second moment, half of that of an update.
    for one, other in zip([*weights, *kept], [*expected_weights, *expected_kept], strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize("graph", [False, True], ids=["eager", "graph"])
@pytest.mark.parametrize("extra", EXTRAS)
def test_steps_give_the_weights_and_slots_that_keras_gives(recipe, extra, graph):
    parameters = replace(recipe, **EXTRAS[extra])
    assert_same(run(build_optimizer(STEPS, parameters), graph=graph), run(published(parameters)))


def test_the_comparison_would_see_another_rule(training_parameters):
    runs = [run(build_optimizer(STEPS, replace(training_parameters, nesterov=switch))) for switch in (True, False)]
    with pytest.raises(AssertionError):
        assert_same(*runs)


@pytest.mark.parametrize("graph", [False, True], ids=["eager", "graph"])
def test_scaled_losses_give_the_same_steps(recipe, graph):
    parameters = replace(recipe, **EXTRAS["decay_and_average"])
    # A power of two, as Keras begins with, scales without rounding.
    scaled = keras.optimizers.LossScaleOptimizer(build_optimizer(STEPS, parameters), initial_scale=2.0**15)
    weights, kept = run(scaled, scale=2.0**15, graph=graph)
    own = len(kept) - len(scaled.inner_optimizer.variables)
    assert_same((weights, kept[own:]), run(published(parameters)))


def test_a_step_whose_scaled_gradients_overflow_changes_nothing(recipe):
    optimizer = keras.optimizers.LossScaleOptimizer(build_optimizer(STEPS, recipe))
    variables = start()
    optimizer.build(variables)
    before = [each.numpy() for each in (*variables, *optimizer.inner_optimizer.variables)]
    tf.function(optimizer.apply)([tf.fill(shape, np.float32(np.inf)) for shape in SHAPES.values()])
    for then, now in zip(before, (*variables, *optimizer.inner_optimizer.variables), strict=True):
        np.testing.assert_array_equal(then, np.asarray(now))


@pytest.mark.parametrize(
    ("name", "operations"),
    [
        ("nesterov", {"ResourceApplyKerasMomentum"}),
        ("heavy_ball", {"ResourceApplyKerasMomentum"}),
        ("no_momentum", set()),
        ("adam", {"ResourceApplyAdam"}),
    ],
)
def test_the_update_of_a_weight_is_one_operation(training_parameters, name, operations):
    optimizer, variables = build_optimizer(STEPS, replace(training_parameters, **RECIPES[name])), start()
    optimizer.build(variables)
    graph = tf.function(optimizer.apply).get_concrete_function([tf.zeros(shape) for shape in SHAPES.values()]).graph
    applied = [operation.type for operation in graph.get_operations() if operation.type.startswith("ResourceApply")]
    assert set(applied) == operations
    assert len(applied) == len(operations) * len(SHAPES)


@pytest.mark.parametrize("scaled", [False, True], ids=["float32", "scaled_losses"])
@pytest.mark.parametrize("extra", EXTRAS)
def test_the_schedule_is_computed_once_a_step(recipe, extra, scaled, monkeypatch):
    calls, compute = [], OneCycle.__call__
    monkeypatch.setattr(OneCycle, "__call__", lambda self, step: (calls.append(step), compute(self, step))[1])
    optimizer, variables = build_optimizer(STEPS, replace(recipe, **EXTRAS[extra])), start()
    optimizer = keras.optimizers.LossScaleOptimizer(optimizer) if scaled else optimizer
    optimizer.build(variables)
    tf.function(optimizer.apply).get_concrete_function([tf.zeros(shape) for shape in SHAPES.values()])
    assert len(calls) == 1


def test_between_two_steps_the_rate_is_that_of_the_next(recipe):
    optimizer = build_optimizer(STEPS, recipe)
    optimizer.build(start())
    schedule = learning_rate(STEPS, recipe)
    for step in range(3):
        assert float(optimizer.learning_rate) == float(schedule(step))
        optimizer.apply([tf.zeros(shape) for shape in SHAPES.values()])


def test_a_rate_without_a_schedule_can_be_set(recipe):
    optimizer = build_optimizer(STEPS, replace(recipe, schedule="constant"))
    optimizer.learning_rate = 0.125
    assert float(optimizer.learning_rate) == 0.125


def test_decay_shrinks_kernels_and_leaves_gamma_beta_and_bias_alone(recipe):
    parameters = replace(recipe, schedule="constant", learning_rate=0.25, weight_decay=0.5)
    optimizer, variables = build_optimizer(STEPS, parameters), start()
    optimizer.build(variables)
    optimizer.apply([tf.zeros(shape) for shape in SHAPES.values()])
    for variable, before in zip(variables, start(), strict=True):
        factor = 1 - 0.25 * 0.5 if variable.name == "kernel" else 1
        # 0.125 of a weight and the difference are rounded once each.
        np.testing.assert_allclose(variable.numpy(), factor * before.numpy(), rtol=factor != 1 and 2e-7)


def test_the_recipe_says_which_optimizer_it_is(training_parameters):
    sgd = build_optimizer(STEPS, training_parameters)
    adam = build_optimizer(STEPS, replace(training_parameters, optimizer="adam", weight_decay=0.0, average_decay=0.99))
    assert type(sgd) is FusedSGD
    assert (sgd.momentum, sgd.nesterov, sgd.weight_decay, sgd.use_ema) == (0.9, True, 0.005, False)
    assert type(adam) is FusedAdam
    assert (adam.beta_1, adam.beta_2, adam.epsilon) == (0.9, 0.999, 1e-7)
    assert (adam.weight_decay, adam.use_ema, adam.ema_momentum) == (None, True, 0.99)


def test_amsgrad_is_left_to_keras():
    assert_same(run(FusedAdam(0.01, amsgrad=True)), run(keras.optimizers.Adam(0.01, amsgrad=True)))
