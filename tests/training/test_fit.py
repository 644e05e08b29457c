import gc
import logging
import math
import re
import sys
from dataclasses import asdict, fields, replace
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from mnist_resnet.errors import UserError
from mnist_resnet.models.resnet import build_network
from mnist_resnet.storage.digests import digests_of_weights
from mnist_resnet.training.epochs.watch import StepWatch
from mnist_resnet.training.events import EpochResult, TrainingStart, listening
from mnist_resnet.training.fit import TrainingError, best_epoch, train
from mnist_resnet.training.runtime import runtime

TITLE = "Made squares"


@pytest.fixture(scope="module")
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

    def trained(parameters, checkpoint=None, split=made_split) -> tuple[keras.Model, list[EpochResult]]:
        with runtime(parameters):
            network = build(parameters)
            return network, train(network, split, parameters, TITLE, checkpoint)

    return trained


@pytest.fixture(scope="module")
def recipe(training_parameters):
    return replace(training_parameters, epochs=3)


class PowerCutError(Exception):
    """Ends a training from within."""


@pytest.fixture
def steps(monkeypatch):
    """The steps that a training takes, counted; at ``cut`` it ends."""
    counted = SimpleNamespace(count=0, cut=None)
    seen = StepWatch.seen

    def count(self, first, losses, accuracy):
        counted.count += len(losses)
        if counted.count == counted.cut:
            raise PowerCutError
        seen(self, first, losses, accuracy)

    monkeypatch.setattr(StepWatch, "seen", count)
    return counted


@pytest.fixture(scope="module")
def training(build, made_split, recipe):
    """One whole training, with what its listeners heard and its weights after each step."""
    heard, weights, network = [], [], build(recipe)
    seen = StepWatch.seen

    def remember(self, first, losses, accuracy):
        weights.append(network.get_weights())
        seen(self, first, losses, accuracy)

    with runtime(recipe), pytest.MonkeyPatch.context() as patch, listening(heard.append):
        patch.setattr(StepWatch, "seen", remember)
        history = train(network, made_split, recipe, TITLE)
    return {"network": network, "history": history, "heard": heard, "weights": weights}


def assert_same_weights(one: keras.Model, other: keras.Model) -> None:
    for left, right in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)


def timeless(history: list[EpochResult]) -> list[EpochResult]:
    """All of a history that does not depend on how fast the machine was."""
    return [replace(entry, seconds=0.0, images_per_second=0.0) for entry in history]


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
    assert_same_weights(again, training["network"])
    assert timeless(history) == timeless(training["history"])


def test_another_seed_gives_other_weights_even_from_the_same_start_and_the_last_are_kept(
    training, build, misleading, recipe
):
    network = build(recipe)
    history = train(network, misleading, replace(recipe, seed=1), TITLE)
    kernels = [each.get_layer("stem_conv").kernel.numpy() for each in (training["network"], network)]
    assert not np.array_equal(*kernels)
    losses = [entry.validation_loss for entry in history]
    assert min(losses) < losses[-1]
    loss, _ = network.evaluate(misleading.validation_images, misleading.validation_labels, verbose=0)
    assert loss == pytest.approx(losses[-1], rel=1e-4)


def test_a_batch_larger_than_the_data_is_refused(build, made_split, recipe):
    network = build(recipe)
    before = network.get_weights()
    with pytest.raises(TrainingError, match=r"training\.batch_size: received 193.* 192 training images") as refused:
        train(network, made_split, replace(recipe, batch_size=193), TITLE)
    assert isinstance(refused.value, UserError)
    for then, now in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(then, now)


def test_a_loss_that_is_not_finite_ends_the_training_at_once(trained, recipe):
    heard = []
    with listening(heard.append), pytest.raises(TrainingError, match=r"training\.learning_rate") as refused:
        trained(replace(recipe, learning_rate=1e30))
    said = re.fullmatch(
        rf"{TITLE}: the loss is (nan|inf) at step (\d+), the learning rate (\S+)\. .*", str(refused.value)
    )
    # The first step still sees the initial weights; all later ones those that the absurd rate has left.
    assert 2 <= int(said[2]) <= 12
    assert 1e28 < float(said[3]) <= 1e30
    assert heard == []


def test_the_step_of_a_loss_that_is_not_finite_is_counted_over_the_whole_training(build, made_split, recipe):
    network = build(recipe)

    def spoil(result):
        if result.epoch == 2:
            network.get_layer("logits").bias.assign([np.inf, 0, 0])

    with listening(spoil), pytest.raises(TrainingError, match="the loss is nan at step 25, the learning rate"):
        train(network, made_split, recipe, TITLE)


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


def test_steps_that_loss_scaling_skips_count_in_the_recorded_rate(build, made_split, recipe, training):
    half = replace(recipe, precision="mixed_float16")
    with runtime(half):
        network = build(half)
        # The gradient of the loss, times 32,768, exceeds the 65,504 of float16 by far.
        network.get_layer("logits").kernel.assign(100 * network.get_layer("logits").kernel)
        history = train(network, made_split, half, TITLE)
    assert [entry.learning_rate for entry in history] == [entry.learning_rate for entry in training["history"]]


@pytest.fixture
def misleading(made_split):
    """Validation labels of the wrong class: the better a network has learned, the worse it looks."""
    return made_split._replace(validation_labels=(made_split.validation_labels + 1) % 3)


RESUMED = {
    "sgd": {},
    "adam": {"optimizer": "adam", "learning_rate": 0.01, "schedule": "constant", "horizontal_flip": True},
    "average_and_best": {"average_decay": 0.8, "keep_best_epoch": True, "erased_fraction": 0.5},
}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(changes, id=name, marks=[] if name == "average_and_best" else pytest.mark.slow)
        for name, changes in RESUMED.items()
    ],
)
def test_an_interrupted_training_goes_on_to_the_same_weights(
    trained, build, recipe, steps, misleading, tmp_path, caplog, changes
):
    recipe, folder = replace(recipe, epochs=4, **changes), tmp_path / "checkpoint"
    undisturbed, history = trained(recipe, split=misleading)

    steps.count, steps.cut = 0, 2 * 12 + 5
    before, starts = [], []
    with pytest.raises(PowerCutError), listening(before.append), listening(starts.append, TrainingStart):
        trained(recipe, folder, misleading)
    assert [entry.epoch for entry in before] == [1, 2]

    caplog.set_level(logging.INFO, "mnist_resnet.training")
    steps.count, steps.cut = 0, None
    heard = []
    with listening(heard.append), listening(starts.append, TrainingStart):
        network, resumed = trained(recipe, folder, misleading)
    assert steps.count == 2 * 12
    # What it starts from is told in the same words where it goes on.
    with runtime(recipe) as device:
        start = TrainingStart(device, digests_of_weights(build(recipe)))
    assert starts == [start, replace(start, resumed_epochs=2)]
    assert f"{TITLE}: resuming after epoch 2 from its checkpoint" in caplog.messages
    assert heard == resumed
    # The epochs before the interruption are those that were, down to how long they took.
    assert resumed[:2] == before
    assert timeless(resumed) == timeless(history)
    assert_same_weights(network, undisturbed)

    # Once more: nothing is left to do, and the outcome is the same.
    steps.count = 0
    with listening(heard.append):
        network, again = trained(recipe, folder, misleading)
    assert steps.count == 0
    assert again == resumed
    assert heard == [*resumed, *resumed]
    assert_same_weights(network, undisturbed)


def test_epochs_since_the_last_checkpoint_are_trained_again(training, trained, recipe, steps, tmp_path):
    rare, folder = replace(recipe, checkpoint_seconds=1e6), tmp_path / "checkpoint"
    trained(rare, folder)
    assert not folder.exists()

    steps.count, steps.cut = 0, 12 + 5
    with pytest.raises(PowerCutError):
        trained(recipe, folder)
    steps.count, steps.cut = 0, 12 + 5
    with pytest.raises(PowerCutError):
        trained(rare, folder)  # in the third epoch; what is stored is the first
    steps.count, steps.cut = 0, None
    network, history = trained(rare, folder)
    assert steps.count == 2 * 12
    assert timeless(history) == timeless(training["history"])
    assert_same_weights(network, training["network"])


def test_an_error_of_a_listener_costs_its_epoch_only(training, trained, recipe, steps, tmp_path):
    def refuse(result):
        if result.epoch == 2:
            raise PowerCutError

    with pytest.raises(PowerCutError), listening(refuse):
        trained(recipe, tmp_path / "checkpoint")
    steps.count = 0
    network, history = trained(recipe, tmp_path / "checkpoint")
    assert steps.count == 2 * 12
    assert timeless(history) == timeless(training["history"])
    assert_same_weights(network, training["network"])


def test_a_checkpoint_of_another_recipe_is_not_gone_on_from(training, trained, recipe, tmp_path, caplog):
    caplog.set_level(logging.INFO, "mnist_resnet.training")
    trained(replace(recipe, epochs=1), tmp_path / "checkpoint")
    network, history = trained(recipe, tmp_path / "checkpoint")
    assert any("belongs to another training; starting from the first epoch" in message for message in caplog.messages)
    assert timeless(history) == timeless(training["history"])
    assert_same_weights(network, training["network"])
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


def test_patience_ends_a_training_that_gets_no_better_and_the_best_epoch_is_kept(
    trained, recipe, misleading, tmp_path, caplog
):
    caplog.set_level(logging.INFO, "mnist_resnet.training")
    patient = replace(recipe, epochs=20, patience=2, keep_best_epoch=True, schedule="constant", warmup_fraction=0.5)
    network, history = trained(patient, tmp_path / "checkpoint", misleading)
    losses = [entry.validation_loss for entry in history]
    best = losses.index(min(losses)) + 1
    assert len(history) == best + 2 < 20
    assert f"{TITLE}: validation loss has not improved for 2 epochs; stopping early" in caplog.messages
    assert f"{TITLE}: keeping the weights of epoch {best}" in caplog.messages

    # The same batches in the same graph: what is kept is what was validated, to the last bit.
    kept = network.evaluate(misleading.validation_images, misleading.validation_labels, batch_size=500, verbose=0)
    assert kept == pytest.approx([min(losses), history[best - 1].validation_accuracy], rel=1e-6)

    # A training that has stopped early is at its end.
    again, same = trained(patient, tmp_path / "checkpoint", misleading)
    assert same == history
    assert_same_weights(again, network)


@pytest.mark.parametrize("first", [math.nan, None])
def test_the_best_epoch_is_one_whose_validation_loss_is_a_number(training, first):
    entry = training["history"][0]
    losses = [first, 0.5, 0.25, 0.25, math.nan, math.inf]
    history = [replace(entry, epoch=epoch, validation_loss=loss) for epoch, loss in enumerate(losses, start=1)]
    assert best_epoch(history) == 3


def test_an_average_of_the_weights_is_validated_and_kept_while_training_goes_on_without_it(
    training, trained, made_split, recipe, tmp_path
):
    decay, plain = 0.8, training["network"]
    network, history = trained(replace(recipe, average_decay=decay), tmp_path / "checkpoint")

    # The steps are those of a plain training.
    assert [entry.train_loss for entry in history] == [entry.train_loss for entry in training["history"]]
    with np.load(next((tmp_path / "checkpoint").glob("*.npz"))) as stored:
        for place, weight in enumerate(plain.get_weights()):
            np.testing.assert_array_equal(stored[f"weights/{place}"], weight)

    # What is kept is the average of their weights, from the first on; norms' statistics are averages already.
    trainable = {id(weight) for weight in plain.trainable_weights}
    averaged = training["weights"][0]
    for weights in training["weights"][1:]:
        averaged = [decay * before + (1 - decay) * now for before, now in zip(averaged, weights, strict=True)]
    for variable, weight, average, last in zip(
        plain.weights, network.get_weights(), averaged, plain.get_weights(), strict=True
    ):
        if id(variable) in trainable:
            # float32 rounds three operations of each of 36 steps by 6e-8 of weights up to about one.
            np.testing.assert_allclose(weight, average, rtol=0, atol=1e-5)
        else:
            np.testing.assert_array_equal(weight, last)

    # It is what was validated, too.
    assert [entry.validation_loss for entry in history] != [entry.validation_loss for entry in training["history"]]
    loss, accuracy = network.evaluate(made_split.validation_images, made_split.validation_labels, verbose=0)
    assert loss == pytest.approx(history[-1].validation_loss, rel=1e-4)
    assert accuracy == pytest.approx(history[-1].validation_accuracy)


def test_without_validation_images_there_are_no_such_figures(training, trained, made_split, recipe, tmp_path, caplog):
    caplog.set_level(logging.INFO, "mnist_resnet.training")
    images, labels = made_split.validation_images[:0], made_split.validation_labels[:0]
    empty = made_split._replace(validation_images=images, validation_labels=labels)
    network, history = trained(recipe, tmp_path / "checkpoint", empty)
    assert [(entry.validation_loss, entry.validation_accuracy) for entry in history] == [(None, None)] * 3
    assert [entry.train_loss for entry in history] == [entry.train_loss for entry in training["history"]]
    assert not any("validation" in message for message in caplog.messages)
    assert_same_weights(network, training["network"])
    _, again = trained(recipe, tmp_path / "checkpoint", empty)
    assert again == history


def test_another_optimizer_and_schedule_learn(trained, recipe):
    _, history = trained(replace(recipe, optimizer="adam", learning_rate=0.01, schedule="cosine"))
    assert history[-1].train_loss < history[0].train_loss / 2


def test_a_training_that_is_over_keeps_no_image_file_open(trained, made_split, training_parameters, tmp_path):
    for name in ("first", "second"):  # of the last one, TensorFlow may keep the input until there is another
        np.save(tmp_path / name, made_split.train_images)
        images = np.load(tmp_path / f"{name}.npy", mmap_mode="r")
        trained(replace(training_parameters, epochs=1), split=made_split._replace(train_images=images))
    gc.collect()
    if sys.platform == "linux":
        links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
        assert str(tmp_path / "first.npy") not in [str(link.readlink()) for link in links]
