import math
from dataclasses import asdict, fields, replace

import keras
import numpy as np
import pytest

from mnist_resnet.errors import UserError
from mnist_resnet.models.resnet import build_network
from mnist_resnet.training.events import EpochResult, listening
from mnist_resnet.training.fit import TrainingError, train
from mnist_resnet.training.runtime import runtime

TITLE = "Made squares"


@pytest.fixture(scope="module")
def kept() -> dict:
    """What several tests of this module look at, made once."""
    return {}


@pytest.fixture
def build(model_parameters, preprocessing, made_data):
    """Build a network as training does, under a recipe's seed and precision."""

    def build(parameters) -> keras.Model:
        with runtime(parameters):
            classes = len(made_data.dataset.class_names)
            return build_network(model_parameters, preprocessing, made_data.dataset.image_size, classes)

    return build


@pytest.fixture
def trained(build, made_split):
    """A network and its history; ``parameters`` are the recipe."""

    def trained(parameters) -> tuple[keras.Model, list[EpochResult]]:
        with runtime(parameters):
            network = build(parameters)
            return network, train(network, made_split, parameters, TITLE)

    return trained


@pytest.fixture
def recipe(training_parameters):
    return replace(training_parameters, epochs=3)


@pytest.fixture
def training(kept, trained, recipe):
    """One whole training, with what its listeners heard."""
    if not kept:
        heard = []
        with listening(heard.append):
            network, history = trained(recipe)
        kept.update(network=network, history=history, heard=heard)
    return kept


def test_the_network_learns(training):
    history = training["history"]
    assert history[-1].train_loss < history[0].train_loss / 2
    assert history[-1].validation_loss < history[0].validation_loss
    assert history[-1].validation_accuracy > 0.8


def test_the_history_has_one_full_entry_for_each_epoch(training, recipe):
    history = training["history"]
    assert [entry.epoch for entry in history] == list(range(1, recipe.epochs + 1))
    assert [field.name for field in fields(EpochResult)] == [
        "epoch",
        "learning_rate",
        "train_loss",
        "train_accuracy",
        "validation_loss",
        "validation_accuracy",
        "seconds",
        "images_per_second",
    ]
    for entry in history:
        values = asdict(entry)
        assert type(values.pop("epoch")) is int
        assert all(type(value) is float and math.isfinite(value) for value in values.values())
        assert 0 <= entry.train_accuracy <= 1
        assert entry.seconds > 0
        # 192 images are twelve whole batches of 16.
        assert entry.images_per_second == pytest.approx(192 / entry.seconds)


def test_listeners_hear_what_the_history_says(training):
    assert training["heard"] == training["history"]


def test_the_validation_figures_are_those_of_the_network(training, made_split):
    probabilities = np.asarray(training["network"](made_split.validation_images, training=False))
    labels = made_split.validation_labels
    last = training["history"][-1]
    assert last.validation_accuracy == pytest.approx((probabilities.argmax(axis=1) == labels).mean())
    loss = -np.log(probabilities[np.arange(len(labels)), labels]).mean()
    # Keras averages the same float32 terms in another order.
    assert last.validation_loss == pytest.approx(loss, rel=1e-4)


def test_the_learning_rate_follows_the_schedule(training, recipe):
    steps = 192 // recipe.batch_size
    total, warmup = steps * recipe.epochs, recipe.warmup_fraction * steps * recipe.epochs

    def expected(step: int) -> float:
        progress = (step - warmup) / (total - warmup)
        lowest = recipe.learning_rate / 1000
        return lowest + (recipe.learning_rate - lowest) * (1 + math.cos(math.pi * progress)) / 2

    # All ends of epochs lie after the warm-up, which is nine steps long.
    assert warmup < steps
    rates = [entry.learning_rate for entry in training["history"]]
    assert rates == pytest.approx([expected(steps * epoch) for epoch in (1, 2, 3)], rel=1e-4)


def test_the_same_seed_gives_bitwise_the_same_weights(training, trained, recipe):
    again, history = trained(recipe)
    for one, other in zip(training["network"].get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    timeless = [{**asdict(entry), "seconds": 0, "images_per_second": 0} for entry in history]
    assert timeless == [{**asdict(entry), "seconds": 0, "images_per_second": 0} for entry in training["history"]]


def test_another_seed_gives_other_weights_even_from_the_same_start(training, build, made_split, recipe):
    network = build(recipe)
    train(network, made_split, replace(recipe, seed=1), TITLE)
    kernels = [each.get_layer("stem_conv").kernel.numpy() for each in (training["network"], network)]
    assert not np.array_equal(*kernels)


def test_a_batch_larger_than_the_data_is_refused(build, made_split, recipe):
    network = build(recipe)
    before = network.get_weights()
    with pytest.raises(TrainingError, match=r"training\.batch_size: received 193.* 192 training images") as refused:
        train(network, made_split, replace(recipe, batch_size=193), TITLE)
    assert isinstance(refused.value, UserError)
    for then, now in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(then, now)


def test_a_loss_that_is_not_finite_ends_the_training(trained, recipe):
    heard = []
    with listening(heard.append), pytest.raises(TrainingError, match=r"training\.learning_rate") as refused:
        trained(replace(recipe, learning_rate=1e30))
    assert TITLE in str(refused.value)
    assert "after epoch 1 " in str(refused.value)
    assert len(heard) == 1
    assert not math.isfinite(heard[0].train_loss)


def one_step(build, split, recipe) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The trainable weights before and after one step from a start where none is zero."""
    network = build(recipe)
    generator = np.random.default_rng(0)
    network.set_weights([generator.uniform(0.5, 1.0, weight.shape) for weight in network.get_weights()])
    before = {weight.path: weight.numpy() for weight in network.trainable_weights}
    (entry,) = train(network, split, replace(recipe, epochs=1, batch_size=192), TITLE)
    # A batch may be as large as the data, and after the only step the schedule is at its end.
    assert entry.learning_rate == pytest.approx(recipe.learning_rate / 1000)
    return before, {weight.path: weight.numpy() for weight in network.trainable_weights}


def test_weight_decay_shrinks_kernels_and_leaves_gamma_beta_and_bias_alone(build, made_split, recipe):
    decay, rate = 0.5, recipe.learning_rate / 25
    _, plain = one_step(build, made_split, replace(recipe, weight_decay=0.0))
    before, decayed = one_step(build, made_split, replace(recipe, weight_decay=decay))
    assert {path.rsplit("/", 1)[1] for path in before} == {"kernel", "gamma", "beta", "bias"}
    for path, start in before.items():
        shrinkage = plain[path] - decayed[path]
        if path.endswith("/kernel"):
            # Weights near one are rounded to 6e-8 in each of a few operations; the shrinkage is 0.005 and more.
            np.testing.assert_allclose(shrinkage, start * decay * rate, rtol=0, atol=1e-6, err_msg=path)
        else:
            np.testing.assert_array_equal(shrinkage, 0, err_msg=path)


def test_label_smoothing_keeps_the_training_loss_up(trained, recipe, training):
    _, history = trained(replace(recipe, label_smoothing=0.3))
    # With targets 0.8, 0.1, 0.1 no probabilities reach a loss below their entropy.
    entropy = -(0.8 * math.log(0.8) + 2 * 0.1 * math.log(0.1))
    assert min(entry.train_loss for entry in history) > entropy
    assert training["history"][-1].train_loss < entropy
    assert history[-1].validation_accuracy > 0.8


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_learns_and_keeps_its_weights_in_float32(trained, recipe, precision):
    network, history = trained(replace(recipe, precision=precision))
    assert history[-1].validation_accuracy > 0.8
    assert {weight.dtype for weight in network.weights} == {"float32"}
    assert network.get_layer("stem_conv").compute_dtype == precision.removeprefix("mixed_")
