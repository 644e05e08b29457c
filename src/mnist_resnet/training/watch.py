"""Callbacks of Keras at each training step: progress shown, a loss that is not finite refused."""

import math
import time
from collections.abc import Callable

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
        rate_at: Gives the learning rate of a step of the training, counted from 0.
    """

    def __init__(
        self, advance: Advance, batch_size: int, first_step: int, title: str, rate_at: Callable[[int], float]
    ) -> None:
        super().__init__()
        self.advance, self.batch_size, self.first_step, self.title = advance, batch_size, first_step, title
        self.rate_at = rate_at
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
        step = self.first_step + batch
        return (
            f"{self.title}: the loss is {loss} at step {step + 1}, the learning rate {self.rate_at(step):.3g}. "
            "Lower training.learning_rate, lengthen training.warmup_fraction, or set training.precision to float32"
        )


class RawWeights(keras.callbacks.Callback):  # type: ignore[misc]  # keras is untyped
    """Note an epoch's last weights before ``fit`` puts their moving average in their place."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Note them as ``weights``."""
        self.weights = self.model.get_weights()
