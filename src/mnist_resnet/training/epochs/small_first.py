"""Progressive resizing (Howard et al. 2018): the first epochs of a training see smaller images, in less time."""

from mnist_resnet.computing.backend import keras
from mnist_resnet.training.epochs.interface import EpochEnd, Epochs
from mnist_resnet.training.epochs.watch import StepWatch
from mnist_resnet.training.streaming import Draws
from mnist_resnet.training.trainee import set_values, values_of


class SmallFirst:
    """Epochs on small images up to a step of the training, and on large ones from there on.

    Weights and optimizer are those of the large trainee; the small one has a copy for the length of an epoch. So
    a checkpoint, and what is validated and kept, know nothing of it. All epochs are validated on large images, as
    the network will be used: losses of two sizes could not be compared.

    Args:
        small: Epochs on small images.
        large: Epochs on large ones.
        trainees: Those of both, in this order, of equal weights.
        steps: How many steps are taken on small images.
    """

    def __init__(self, small: Epochs, large: Epochs, trainees: tuple[keras.Model, keras.Model], steps: int) -> None:
        self._small, self._large, self._trainees, self._steps = small, large, trainees, steps

    def run(self, draws: Draws, watch: StepWatch) -> EpochEnd:
        """Train for one epoch."""
        if watch.first_step >= self._steps:
            return self._large.run(draws, watch)
        small, large = self._trainees
        set_values(small, values_of(large))
        end = self._small.run(draws, watch)
        set_values(large, values_of(small))
        return end

    def validate(self) -> tuple[float, float]:
        """Loss and accuracy on the validation images, of large size."""
        return self._large.validate()
