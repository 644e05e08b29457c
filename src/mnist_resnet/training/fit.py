"""The training itself: epochs of steps, validated, reported and written down."""

import logging
import math
import time
from pathlib import Path

import numpy as np

from mnist_resnet.computing.backend import keras
from mnist_resnet.config import TrainingParameters
from mnist_resnet.data.split import Split
from mnist_resnet.models.resnet import INPUT_NAME, LOGITS_NAME
from mnist_resnet.storage.digests import digests_of_weights
from mnist_resnet.terminal.progress import progress
from mnist_resnet.training.augmentation import Augmentation, draw_epoch
from mnist_resnet.training.checkpoint import Arrays, Checkpoints, TrainingState, identity
from mnist_resnet.training.events import EpochResult, TrainingStart, announce
from mnist_resnet.training.input import feed, training_batches, validation_batches
from mnist_resnet.training.loss import CrossEntropy
from mnist_resnet.training.optimizers import build_optimizer
from mnist_resnet.training.space import require_space_for
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
    if checkpoint:
        require_space_for(network, parameters, checkpoint)
    trainee = _trainee(network, steps, parameters)
    network.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    return _Training(network, trainee, split, parameters, title).run(checkpoint)


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


class _Training:
    """One training, from its first epoch or the one after its checkpoint."""

    def __init__(
        self, network: keras.Model, trainee: keras.Model, split: Split, parameters: TrainingParameters, title: str
    ) -> None:
        self.network, self.trainee, self.split = network, trainee, split
        self.parameters, self.title = parameters, title
        self.steps = len(split.train_labels) // parameters.batch_size
        self.state = TrainingState()

    def run(self, folder: Path | None) -> list[EpochResult]:
        announce(TrainingStart(keras.config.dtype_policy().name, digests_of_weights(self.network)))
        checkpoints = Checkpoints(folder, identity(self.network, self.split, self.parameters)) if folder else None
        if checkpoints:
            self._resume(checkpoints)
        while not self._ended():
            raw_weights = self._epoch()
            self.trainee.set_weights(raw_weights)
            if checkpoints:
                checkpoints.save(self.trainee, self.state)
        self._finish()
        return self.state.history

    def _resume(self, checkpoints: Checkpoints) -> None:
        self.state = checkpoints.restore(self.trainee)
        for result in self.state.history:
            announce(result)
        if self.state.history:
            logger.info("%s: going on after epoch %d, from its checkpoint", self.title, len(self.state.history))

    def _ended(self) -> bool:
        history, patience = self.state.history, self.parameters.patience
        if len(history) == self.parameters.epochs:
            return True
        if patience is None or not history or len(history) - _best_epoch(history) < patience:
            return False
        logger.info("%s: no lower validation loss in %d epochs; stopping early", self.title, patience)
        return True

    def _finish(self) -> None:
        """Leave the network with the weights that are to be kept."""
        if self.parameters.average_decay is not None:
            self.trainee.optimizer.finalize_variable_values(self.trainee.trainable_variables)
        if self.state.best is not None:
            self.network.set_weights(self.state.best)
            logger.info("%s: keeping the weights of epoch %d", self.title, _best_epoch(self.state.history))

    def _epoch(self) -> Arrays:
        """Train and validate for one epoch; the weights to go on from, which may not be those validated."""
        epoch, started = len(self.state.history), time.perf_counter()
        averaging = self.parameters.average_decay is not None
        raw = RawWeights()
        fitted = self._fit(epoch, [raw] if averaging else [])
        seconds = time.perf_counter() - started
        self._report(self._result(epoch, fitted, seconds))
        if self.parameters.keep_best_epoch and _best_epoch(self.state.history) == epoch + 1:
            self.state.best = self.network.get_weights()
        weights: Arrays = raw.weights if averaging else self.trainee.get_weights()
        return weights

    def _fit(self, epoch: int, callbacks: list[keras.callbacks.Callback]) -> dict[str, list[float]]:
        split, parameters = self.split, self.parameters
        draws = draw_epoch(len(split.train_labels), split.train_images.shape[1:], epoch, parameters)
        batches = training_batches(split.train_images, split.train_labels, draws, parameters.batch_size)
        images = self.steps * parameters.batch_size
        with progress(f"{self.title}, epoch {epoch + 1} of {parameters.epochs}", images, "images") as advance:
            watch = StepWatch(advance, parameters.batch_size, epoch * self.steps, self.title)
            fitted = self.trainee.fit(feed(batches), shuffle=False, verbose=0, callbacks=[watch, *callbacks])
        history: dict[str, list[float]] = fitted.history
        return history

    def _result(self, epoch: int, fitted: dict[str, list[float]], seconds: float) -> EpochResult:
        loss, accuracy = self._validate()
        return EpochResult(
            epoch=epoch + 1,
            learning_rate=float(np.asarray(keras.ops.convert_to_numpy(self.trainee.optimizer.learning_rate))),
            train_loss=float(fitted["loss"][-1]),
            train_accuracy=float(fitted["accuracy"][-1]),
            validation_loss=loss,
            validation_accuracy=accuracy,
            seconds=seconds,
            images_per_second=self.steps * self.parameters.batch_size / seconds,
        )

    def _validate(self) -> tuple[float | None, float | None]:
        images, labels = self.split.validation_images, self.split.validation_labels
        if len(labels) == 0:
            return None, None
        batches = validation_batches(images, labels, _VALIDATION_BATCH_SIZE)
        loss, accuracy = self.network.evaluate(feed(batches), verbose=0)
        return float(loss), float(accuracy)

    def _report(self, result: EpochResult) -> None:
        self.state.history.append(result)
        logger.info("%s, epoch %d of %d: %s", self.title, result.epoch, self.parameters.epochs, result.in_words())
        announce(result)


def _best_epoch(history: list[EpochResult]) -> int:
    """The epoch of the lowest validation loss, counted from 1; one that is no number is never the lowest."""

    def order(result: EpochResult) -> float:
        loss = result.validation_loss
        return math.inf if loss is None or math.isnan(loss) else loss

    return min(history, key=order).epoch
