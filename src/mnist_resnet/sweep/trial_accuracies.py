"""The accuracies of a sweep's trials on one data set, as pictures show them."""

import statistics
from functools import cached_property

from mnist_resnet.sweep.outcome import SweepOutcome
from mnist_resnet.sweep.plan import Trial
from mnist_resnet.sweep.trial_result import Status

_LEAST_SPAN, _MARGIN = 0.002, 0.08
_FENCE = 1.5  # times the distance of the quartiles (Tukey 1977)

TrialWithAccuracy = tuple[Trial, float]


class TrialAccuracies:
    """The accuracy of each trial: on the validation images, or where there are none, on the test images.

    Args:
        outcome: What the sweep came to.
        namespace: The data set.
    """

    def __init__(self, outcome: SweepOutcome, namespace: str) -> None:
        self._outcome, self._namespace = outcome, namespace
        validated = self.all_finished("validation_accuracy")
        self._figure = "validation_accuracy" if validated else "test_accuracy"
        self.finished, self.pruned = self._with("FINISHED"), self._with("PRUNED")
        self.failed = [result.trial for result in outcome.trials if result.status == "FAILED"]
        best = outcome.winners.get(namespace)
        self.winner = [each for each in self.finished if best and each[0].number == best.trial]

    @property
    def name(self) -> str:
        """What is shown, in words."""
        return self._figure.replace("_", " ")

    @property
    def title(self) -> str:
        """What stands above a picture."""
        count = len(self.finished)
        return f"{self._namespace}: {'1 finished trial' if count == 1 else f'{count} finished trials'}"

    def all_finished(self, figure: str) -> list[float]:
        """A figure of all finished trials that have it, in their order."""
        results = [result for result in self._outcome.trials if result.status == "FINISHED"]
        figures = [getattr(result.figures.get(self._namespace), figure, None) for result in results]
        return [value for value in figures if value is not None]

    @cached_property
    def limits(self) -> tuple[float, float]:
        """The accuracies between which pictures show differences; trials far below all others are left out."""
        values = sorted(accuracy for _, accuracy in self.finished)
        low, high = values[0], values[-1]
        if len(values) > 3:
            lower, _, upper = statistics.quantiles(values, n=4)
            low = min(value for value in values if value >= lower - _FENCE * (upper - lower))
        margin = _MARGIN * max(high - low, _LEAST_SPAN)
        return max(0.0, low - margin), min(1.0, high + margin)

    def height(self, accuracy: float) -> float:
        """Where an accuracy lies between the limits, 0 to 1."""
        low, high = self.limits
        return min(1.0, max(0.0, (accuracy - low) / (high - low)))

    def has_below(self) -> bool:
        """Whether a finished trial lies below the limits."""
        return any(accuracy < self.limits[0] for _, accuracy in self.finished)

    def _with(self, status: Status) -> list[TrialWithAccuracy]:
        figures = {result.trial.number: result.figures.get(self._namespace) for result in self._outcome.trials}
        known = [(each.trial, figures[each.trial.number]) for each in self._outcome.trials if each.status == status]
        accuracies = [(trial, getattr(figures, self._figure, None)) for trial, figures in known]
        return [(trial, accuracy) for trial, accuracy in accuracies if accuracy is not None]
