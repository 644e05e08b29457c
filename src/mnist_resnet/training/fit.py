"""The training itself: epochs of steps, validated and reported."""

import logging
import math
import time
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from mnist_resnet.config import TrainingParameters
from mnist_resnet.data.split import Split
from mnist_resnet.errors import UserError
from mnist_resnet.models.resnet import INPUT_NAME, LOGITS_NAME
from mnist_resnet.progress import Advance, progress
from mnist_resnet.training.augmentation import Augmentation, draw_epoch
from mnist_resnet.training.events import EpochResult, announce
from mnist_resnet.training.input import feed, training_batches, validation_batches
from mnist_resnet.training.schedule import OneCycle

logger = logging.getLogger(__name__)

_VALIDATION_BATCH_SIZE = 500


class TrainingError(UserError, RuntimeError):
    """A training that cannot start or go on."""


def train(network: keras.Model, split: Split, parameters: TrainingParameters, title: str) -> list[EpochResult]:
    """Train a network in place.

    Args:
        network: From raw uint8 images to probabilities; see ``build_network``.
        split: Training and validation arrays.
        parameters: The recipe.
        title: The data set's name, for progress.

    Returns:
        One result for each epoch.

    Raises:
        TrainingError: If there are fewer images than one batch, or the loss is no longer finite.
    """
    steps = len(split.train_labels) // parameters.batch_size
    if steps == 0:
        raise TrainingError(
            f"training.batch_size: received {parameters.batch_size}, but there are only "
            f"{len(split.train_labels)} training images; choose at most that many"
        )
    trainee = _trainee(network, steps, parameters)
    network.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    return list(_epochs(trainee, network, split, parameters, title))


def _trainee(network: keras.Model, steps: int, parameters: TrainingParameters) -> keras.Model:
    """The network behind the augmentation, up to the logits, ready for ``fit``; weights are shared."""
    image = keras.Input(network.input_shape[1:], dtype="uint8", name=INPUT_NAME)
    shift = keras.Input((2,), dtype="int32", name="shift")
    flip = keras.Input((), dtype="bool", name="flip")
    to_logits = keras.Model(network.input, network.get_layer(LOGITS_NAME).output)
    logits = to_logits(Augmentation(parameters.max_shift)(image, shift, flip))
    trainee = keras.Model({"image": image, "shift": shift, "flip": flip}, logits)
    trainee.compile(
        optimizer=_optimizer(steps * parameters.epochs, parameters),
        loss=_Loss(logits.shape[-1], parameters.label_smoothing),
        metrics=["accuracy"],
        jit_compile="auto" if keras.backend.backend() == "jax" else False,
    )
    return trainee


def _optimizer(steps: int, parameters: TrainingParameters) -> keras.optimizers.Optimizer:
    optimizer = keras.optimizers.SGD(
        learning_rate=OneCycle(parameters.learning_rate, steps, parameters.warmup_fraction),
        momentum=parameters.momentum,
        nesterov=parameters.nesterov,
        weight_decay=parameters.weight_decay or None,
    )
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer


class _Loss(keras.losses.Loss):  # type: ignore[misc]  # keras is untyped
    """Cross-entropy of logits with integer labels, which are smoothed over the classes."""

    def __init__(self, classes: int, label_smoothing: float) -> None:
        super().__init__(name="cross_entropy")
        self.classes, self.label_smoothing = classes, label_smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        target = keras.ops.one_hot(keras.ops.reshape(y_true, (-1,)), self.classes)
        return keras.losses.categorical_crossentropy(
            target, y_pred, from_logits=True, label_smoothing=self.label_smoothing
        )


def _epochs(
    trainee: keras.Model, network: keras.Model, split: Split, parameters: TrainingParameters, title: str
) -> Iterator[EpochResult]:
    for epoch in range(parameters.epochs):
        result = _epoch(trainee, network, split, parameters, epoch, title)
        logger.info(
            "%s, epoch %d of %d: loss %.4f, accuracy %.4f; validation loss %.4f, accuracy %.4f; %.0f images/s",
            *(title, result.epoch, parameters.epochs, result.train_loss, result.train_accuracy),
            *(result.validation_loss, result.validation_accuracy, result.images_per_second),
        )
        announce(result)
        if not math.isfinite(result.train_loss):
            raise TrainingError(
                f"{title}: the loss is {result.train_loss} after epoch {result.epoch} at a learning rate of "
                f"{result.learning_rate:.3g}; lower training.learning_rate or lengthen training.warmup_fraction"
            )
        yield result


def _epoch(
    trainee: keras.Model, network: keras.Model, split: Split, parameters: TrainingParameters, epoch: int, title: str
) -> EpochResult:
    started = time.perf_counter()
    steps = len(split.train_labels) // parameters.batch_size
    draws = draw_epoch(len(split.train_labels), epoch, parameters)
    batches = feed(training_batches(split.train_images, split.train_labels, draws, parameters.batch_size), steps)
    images = steps * parameters.batch_size
    with progress(f"{title}, epoch {epoch + 1} of {parameters.epochs}", images, "images") as advance:
        shown = _StepProgress(advance, parameters.batch_size)
        fitted = trainee.fit(batches, shuffle=False, verbose=0, callbacks=[shown])
    seconds = time.perf_counter() - started
    loss, accuracy = _validate(network, split)
    return EpochResult(
        epoch=epoch + 1,
        learning_rate=float(np.asarray(trainee.optimizer.learning_rate)),
        train_loss=float(fitted.history["loss"][-1]),
        train_accuracy=float(fitted.history["accuracy"][-1]),
        validation_loss=float(loss),
        validation_accuracy=float(accuracy),
        seconds=seconds,
        images_per_second=images / seconds,
    )


def _validate(network: keras.Model, split: Split) -> tuple[float, float]:
    batches = validation_batches(split.validation_images, split.validation_labels, _VALIDATION_BATCH_SIZE)
    count = math.ceil(len(split.validation_labels) / _VALIDATION_BATCH_SIZE)
    loss, accuracy = network.evaluate(feed(batches, count), verbose=0)
    return loss, accuracy


class _StepProgress(keras.callbacks.Callback):  # type: ignore[misc]  # keras is untyped
    """Show each step's progress, with the averages of the epoch so far."""

    def __init__(self, advance: Advance, batch_size: int) -> None:
        super().__init__()
        self.advance, self.batch_size = advance, batch_size
        self.started = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Count one more step."""
        logs = logs or {}
        speed = (batch + 1) * self.batch_size / (time.perf_counter() - self.started)
        detail = f"loss {logs.get('loss', math.nan):.4f}, accuracy {logs.get('accuracy', math.nan):.4f}"
        self.advance(self.batch_size, f"{detail}, {speed:,.0f} images/s")
