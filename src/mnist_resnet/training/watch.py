"""Callbacks of Keras at each training step: progress shown, a loss that is not finite refused."""

import math
import time

import numpy as np

from mnist_resnet.computing.backend import keras
from mnist_resnet.errors import UserError
from mnist_resnet.terminal.progress import Advance


class TrainingError(UserError, RuntimeError):
    """A training that cannot start or go on."""


class StepWatch(keras.callbacks.Callback):  # type: ignore[misc]  # keras is untyped
    """Show each step's progress, and stop at a loss that is not finite.

    Args:
        advance: Told of each step.
        batch_size: Images in a step.
        first_step: How many steps of the training came before this epoch.
        title: The data set's name.
    """

    def __init__(self, advance: Advance, batch_size: int, first_step: int, title: str) -> None:
        super().__init__()
        self.advance, self.batch_size, self.first_step, self.title = advance, batch_size, first_step, title
        self.started = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Count one more step.

        Raises:
            TrainingError: If the mean loss of the epoch is not finite any more.
        """
        logs = logs or {}
        loss, accuracy = logs.get("loss", math.nan), logs.get("accuracy", math.nan)
        if not math.isfinite(loss):
            raise TrainingError(self._diagnosis(batch, loss))
        speed = (batch + 1) * self.batch_size / (time.perf_counter() - self.started)
        self.advance(self.batch_size, f"loss {loss:.4f}, accuracy {accuracy:.4f}, {speed:,.0f} images/s")

    def _diagnosis(self, batch: int, loss: float) -> str:
        optimizer = self.model.optimizer
        optimizer.iterations.assign(optimizer.iterations - 1)  # it has counted this step, and there will be no other
        rate = float(np.asarray(keras.ops.convert_to_numpy(optimizer.learning_rate)))
        return (
            f"{self.title}: the loss is {loss} at step {self.first_step + batch + 1}, the learning rate {rate:.3g}. "
            "Lower training.learning_rate, lengthen training.warmup_fraction, or set training.precision to float32"
        )


class RawWeights(keras.callbacks.Callback):  # type: ignore[misc]  # keras is untyped
    """Note an epoch's last weights before ``fit`` puts their moving average in their place."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Note them as ``weights``."""
        self.weights = self.model.get_weights()
