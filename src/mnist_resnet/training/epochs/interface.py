"""What runs the epochs of a training, and what an epoch comes to."""

from dataclasses import dataclass
from typing import Protocol

from mnist_resnet.training.epochs.watch import StepWatch
from mnist_resnet.training.streaming import Draws
from mnist_resnet.training.trainee import Arrays

VALIDATION_BATCH_SIZE = 500


@dataclass(frozen=True)
class EpochEnd:
    """What an epoch of training comes to.

    Attributes:
        loss: The mean over its steps, in nats.
        accuracy: The share of its images that were classified right, in 0 to 1.
        raw_weights: Where the weights are averaged, those that training goes on with; the network has the average.
    """

    loss: float
    accuracy: float
    raw_weights: Arrays | None


class Epochs(Protocol):
    """The epochs of one training, wherever its images are."""

    def run(self, draws: Draws, watch: StepWatch) -> EpochEnd:
        """Train for one epoch.

        Args:
            draws: The order and the augmentation of its images.
            watch: Told of each step, in order.

        Raises:
            TrainingError: If the loss is not finite.
        """

    def validate(self) -> tuple[float, float]:
        """The loss in nats and the accuracy on the validation images, of which there is at least one."""
