"""A watch on the steps of an epoch: progress shown, a loss that is not finite refused."""

import math
import time
from collections.abc import Callable, Sequence

from mnist_resnet.errors import UserError
from mnist_resnet.terminal.progress import Advance


class TrainingError(UserError, RuntimeError):
    """A training that cannot start or go on."""


class StepWatch:
    """Show the progress of an epoch, and stop at a loss that is not finite.

    Args:
        advance: Told of each step.
        batch_size: Images in a step.
        first_step: How many steps of the training came before this epoch.
        title: The data set's name.
        rate_at: Gives the learning rate of a step of the training, counted from 0.
        remedies: Against a loss that is not finite.
    """

    def __init__(
        self,
        advance: Advance,
        batch_size: int,
        first_step: int,
        title: str,
        rate_at: Callable[[int], float],
        remedies: str,
    ) -> None:
        self.advance, self.batch_size, self.first_step, self.title = advance, batch_size, first_step, title
        self.rate_at, self.remedies = rate_at, remedies
        self.started = time.perf_counter()

    def seen(self, first: int, losses: Sequence[float], accuracy: float) -> None:
        """Count steps that have been taken.

        Args:
            first: The number of the first one in its epoch, counted from 0.
            losses: After each step, the mean loss of the epoch so far.
            accuracy: After the last step, that of the epoch so far.

        Raises:
            TrainingError: If a loss is not finite; of several, the first is named.
        """
        for step, loss in enumerate(losses, start=first):
            if not math.isfinite(loss):
                raise TrainingError(self._diagnosis(step, loss))
        speed = (first + len(losses)) * self.batch_size / (time.perf_counter() - self.started)
        detail = f"loss {losses[-1]:.4f}, accuracy {accuracy:.4f}, {speed:,.0f} images/s"
        self.advance(len(losses) * self.batch_size, detail)

    def _diagnosis(self, step: int, loss: float) -> str:
        rate = self.rate_at(self.first_step + step)
        return (
            f"{self.title}: the loss is {loss} at step {self.first_step + step + 1}, the learning rate {rate:.3g}. "
            f"{self.remedies}"
        )
