"""The learning rate over the steps of a training."""

import math
from typing import Any, assert_never

from mnist_resnet.computing.backend import keras
from mnist_resnet.config import TrainingParameters

_START, _END = 1 / 25, 1 / 1000


def learning_rate(steps: int, parameters: TrainingParameters) -> Any:
    """The learning rate as Keras optimizers take it: a number, or a schedule.

    Args:
        steps: All steps of the training.
        parameters: Kind of schedule, peak and warm-up.
    """
    peak, warmup = parameters.learning_rate, parameters.warmup_fraction
    match parameters.schedule:
        case "constant":
            return peak
        case "cosine":
            rise = round(warmup * steps)
            return keras.optimizers.schedules.CosineDecay(
                0.0, max(steps - rise, 1), warmup_target=peak, warmup_steps=rise
            )
        case "one_cycle":
            return OneCycle(peak, steps, warmup)
        case unknown:
            assert_never(unknown)


def rate_at(step: int, steps: int, parameters: TrainingParameters) -> float:
    """The learning rate of one step, to the bit that of the optimizer.

    Args:
        step: Counted from 0 over the whole training.
        steps: All steps of the training.
        parameters: Kind of schedule, peak and warm-up.
    """
    rate = learning_rate(steps, parameters)
    return float(keras.ops.convert_to_numpy(keras.ops.cast(rate(step) if callable(rate) else rate, "float32")))


@keras.saving.register_keras_serializable(package="mnist_resnet")
class OneCycle(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]  # keras is untyped
    """One rise and one fall of the learning rate, both along a cosine (Smith & Topin 2018).

    Args:
        peak: The highest learning rate; the first is 1/25 of it, the last about 1/1000.
        steps: All steps of the training.
        warmup_fraction: Share of the steps after which the peak is reached, in 0 to 1.
    """

    def __init__(self, peak: float, steps: int, warmup_fraction: float) -> None:
        self.peak, self.steps, self.warmup_fraction = peak, steps, warmup_fraction

    def __call__(self, step: Any) -> Any:
        """The learning rate of a step, counted from 0."""
        ops = keras.ops
        step, warmup = ops.cast(step, "float32"), self.warmup_fraction * self.steps
        rise = _between(_START * self.peak, self.peak, step / warmup)
        fall = _between(self.peak, _END * self.peak, (step - warmup) / (self.steps - warmup))
        return ops.where(step < warmup, rise, fall)

    def get_config(self) -> dict[str, Any]:
        """The arguments that rebuild this schedule."""
        return {"peak": self.peak, "steps": self.steps, "warmup_fraction": self.warmup_fraction}


def _between(start: float, end: float, progress: Any) -> Any:
    progress = keras.ops.clip(progress, 0.0, 1.0)
    return end + (start - end) * (1 + keras.ops.cos(math.pi * progress)) / 2
