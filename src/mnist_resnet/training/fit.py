"""The training itself: epochs of steps, validated, reported and written down."""

import logging
import math
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from mnist_resnet.computing.backend import keras
from mnist_resnet.config import TrainingParameters
from mnist_resnet.data.split import Split
from mnist_resnet.models.resnet import INPUT_NAME, LOGITS_NAME
from mnist_resnet.storage.digests import digests_of_weights
from mnist_resnet.terminal.progress import progress
from mnist_resnet.training.augmentation import Augmentation, draw_epoch
from mnist_resnet.training.checkpoint import Checkpoints, TrainingState, identity
from mnist_resnet.training.disk_need import require_space_for
from mnist_resnet.training.events import EpochResult, TrainingStart, announce
from mnist_resnet.training.input import feed, training_batches, validation_batches
from mnist_resnet.training.loss import CrossEntropy
from mnist_resnet.training.optimizers import build_optimizer
from mnist_resnet.training.schedule import rate_at
from mnist_resnet.training.watch import RawWeights, StepWatch, TrainingError

logger = logging.getLogger(__name__)

_VALIDATION_BATCH_SIZE = 500


def train(
    network: keras.Model, split: Split, parameters: TrainingParameters, title: str, checkpoint: Path | None = None
) -> list[EpochResult]:
    """Train a network in place.

    Args:
        network: From raw uint8 images to probabilities; see ``build_network``.
        split: Training and validation arrays.
        parameters: The recipe.
        title: The data set's name, for progress.
        checkpoint: A folder for what is needed to go on after an interruption. A training of the same
            network, data and parameters that finds it there goes on from it, to the same weights.

    Returns:
        One result for each epoch.

    Raises:
        StorageError: If the disks have no room for the checkpoint and what is made of the network later.
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
    if checkpoint:
        require_space_for(network, trainee.optimizer, parameters.keep_best_epoch, checkpoint)
    announce(TrainingStart(keras.config.dtype_policy().name, digests_of_weights(network)))
    state, checkpoints = TrainingState(), None
    if checkpoint:
        checkpoints = Checkpoints(checkpoint, identity(network, split, parameters))
        state = _restored(trainee, checkpoints, title)
    history = state.history
    while len(history) < parameters.epochs and not _stops_early(history, parameters.patience, title):
        raw_weights = RawWeights() if parameters.average_decay is not None else None
        result = _run_epoch(network, trainee, split, len(history), parameters, title, raw_weights)
        history.append(result)
        logger.info("%s, epoch %d of %d: %s", title, result.epoch, parameters.epochs, result.in_words())
        announce(result)
        if parameters.keep_best_epoch and best_epoch(history) == result.epoch:
            state.best = network.get_weights()
        if raw_weights:  # what was validated is their average; training goes on without it
            trainee.set_weights(raw_weights.weights)
        if checkpoints:
            checkpoints.save(trainee, state)
    if parameters.average_decay is not None:
        trainee.optimizer.finalize_variable_values(trainee.trainable_variables)
    if state.best is not None:
        network.set_weights(state.best)
        logger.info("%s: keeping the weights of epoch %d", title, best_epoch(history))
    return history


def best_epoch(history: Sequence[EpochResult]) -> int:
    """The epoch of the lowest validation loss, counted from 1; one that is no number is never the lowest."""

    def order(result: EpochResult) -> float:
        loss = result.validation_loss
        return math.inf if loss is None or math.isnan(loss) else loss

    return min(history, key=order).epoch


def _trainee(network: keras.Model, steps: int, parameters: TrainingParameters) -> keras.Model:
    """The network behind the augmentation, up to the logits, ready for ``fit``; weights are shared."""
    inputs = {
        "image": keras.Input(network.input_shape[1:], dtype="uint8", name=INPUT_NAME),
        "shift": keras.Input((2,), dtype="int32", name="shift"),
        "flip": keras.Input((), dtype="bool", name="flip"),
        "erased": keras.Input((4,), dtype="int32", name="erased"),
    }
    to_logits = keras.Model(network.input, network.get_layer(LOGITS_NAME).output, name="to_logits")
    logits = to_logits(Augmentation(parameters.max_shift)(*inputs.values()))
    trainee = keras.Model(inputs, logits, name="trainee")
    trainee.compile(
        optimizer=build_optimizer(steps * parameters.epochs, parameters),
        loss=CrossEntropy(logits.shape[-1], parameters.label_smoothing),
        metrics=["accuracy"],
        jit_compile="auto" if keras.backend.backend() == "jax" else False,
    )
    return trainee


def _restored(trainee: keras.Model, checkpoints: Checkpoints, title: str) -> TrainingState:
    """The state to go on from; its epochs are announced again."""
    state = checkpoints.restore(trainee)
    for result in state.history:
        announce(result)
    if state.history:
        logger.info("%s: resuming after epoch %d from its checkpoint", title, len(state.history))
    return state


def _stops_early(history: Sequence[EpochResult], patience: int | None, title: str) -> bool:
    if patience is None or not history or len(history) - best_epoch(history) < patience:
        return False
    logger.info("%s: validation loss has not improved for %d epochs; stopping early", title, patience)
    return True


def _run_epoch(
    network: keras.Model,
    trainee: keras.Model,
    split: Split,
    epoch: int,
    parameters: TrainingParameters,
    title: str,
    raw_weights: RawWeights | None,
) -> EpochResult:
    """Train for one epoch, counted from 0, and validate the network."""
    started = time.perf_counter()
    fitted = _fit_epoch(trainee, split, epoch, parameters, title, [raw_weights] if raw_weights else [])
    seconds = time.perf_counter() - started
    validation_loss, validation_accuracy = _validate(network, split)
    steps = len(split.train_labels) // parameters.batch_size
    return EpochResult(
        epoch=epoch + 1,
        learning_rate=rate_at((epoch + 1) * steps, steps * parameters.epochs, parameters),
        train_loss=float(fitted["loss"][-1]),
        train_accuracy=float(fitted["accuracy"][-1]),
        validation_loss=validation_loss,
        validation_accuracy=validation_accuracy,
        seconds=seconds,
        images_per_second=steps * parameters.batch_size / seconds,
    )


def _fit_epoch(
    trainee: keras.Model,
    split: Split,
    epoch: int,
    parameters: TrainingParameters,
    title: str,
    callbacks: list[keras.callbacks.Callback],
) -> dict[str, list[float]]:
    """Keras' history of one epoch; epochs are counted from 0."""
    draws = draw_epoch(len(split.train_labels), split.train_images.shape[1:], epoch, parameters)
    batches = training_batches(split.train_images, split.train_labels, draws, parameters.batch_size)
    images = len(batches) * parameters.batch_size
    with progress(f"{title}, epoch {epoch + 1} of {parameters.epochs}", images, "images") as advance:
        rate = partial(rate_at, steps=len(batches) * parameters.epochs, parameters=parameters)
        watch = StepWatch(advance, parameters.batch_size, epoch * len(batches), title, rate)
        with feed(batches) as fed:
            fitted = trainee.fit(fed, shuffle=False, verbose=0, callbacks=[watch, *callbacks])
    history: dict[str, list[float]] = fitted.history
    return history


def _validate(network: keras.Model, split: Split) -> tuple[float | None, float | None]:
    """Loss and accuracy on the validation images, if there are any."""
    if len(split.validation_labels) == 0:
        return None, None
    batches = validation_batches(split.validation_images, split.validation_labels, _VALIDATION_BATCH_SIZE)
    with feed(batches) as fed:
        loss, accuracy = network.evaluate(fed, verbose=0)
    return float(loss), float(accuracy)
