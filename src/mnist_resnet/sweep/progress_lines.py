"""The lines that a sweep prints while it runs: one as a trial starts, one as it ends."""

import os
import sys
import time
from collections.abc import Callable, Iterable

from mnist_resnet.sweep.outcome import outcome_of
from mnist_resnet.sweep.outcome_table import IN_WORDS, duration, shown_keys, shown_value
from mnist_resnet.sweep.plan import SweepPlan, Trial
from mnist_resnet.sweep.trial_result import DONE, Figures, TrialResult
from mnist_resnet.terminal.program import program_words, variables_before


class ProgressLines:
    """A person's view of a running sweep.

    Args:
        plan: What is being done.
        say: Prints a line.
        clock: Gives the time in seconds.
    """

    def __init__(
        self, plan: SweepPlan, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._plan, self._say, self._clock = plan, say, clock
        self._began = clock()
        self._results: dict[str, TrialResult] = {}
        self._ended = 0  # in this process
        self._run_id: str | None = None
        self._variables = variables_before(os.environ)

    def recorded(self, run_id: str, where: str) -> None:
        """Say where the sweep is recorded.

        Args:
            run_id: Of the parent run in MLflow.
            where: The place of the record, in words.
        """
        self._run_id = run_id
        self._say(where)

    def resumed(self, earlier: Iterable[TrialResult]) -> None:
        """Say what a resumed sweep has done before."""
        self._results |= {result.trial.identity: result for result in earlier if result.status in DONE}
        self._say(f"Resumed: {len(self._results)} of {self._plan.count} trials are done")

    def started(self, trial: Trial) -> None:
        """Say that a trial starts."""
        self._say(f"Trial {trial.number} starts: {self._overrides(trial)}")

    def restarted(self, trial: Trial, reason: str) -> None:
        """Say that a trial is started again after its process or its node was lost.

        Args:
            trial: Which one.
            reason: What was lost, in a few words.
        """
        self._say(f"Trial {trial.number} is started again from its checkpoint: {reason}")

    def ended(self, result: TrialResult) -> None:
        """Say what a trial came to, which is the best so far, and how long the rest will take."""
        self._results[result.trial.identity] = result
        self._ended += 1
        ended = f"Trial {result.trial.number} {IN_WORDS[result.status]} after {duration(result.seconds)}"
        figures = "; ".join(f"{name}: {_in_words(each)}" for name, each in result.figures.items())
        said = [ended, result.reason or figures, self._best(), self._left()]
        self._say(". ".join(part for part in said if part))

    def say_how_to_resume(self, signal: str) -> None:
        """Say what continues a sweep that a signal has interrupted.

        Args:
            signal: Its name.
        """
        words = " ".join([*self._variables, *program_words(sys.argv[0]), "sweep --resume"])
        continued = f". To continue: {words} {self._run_id}" if self._run_id else ""
        self._say(f"Interrupted by {signal}{continued}")

    def _overrides(self, trial: Trial) -> str:
        shown = shown_keys(list(trial.overrides), self._plan.namespaces)
        return ", ".join(f"{shown[key]}={shown_value(value)}" for key, value in trial.overrides.items())

    def _best(self) -> str:
        winners = outcome_of(self._plan, self._results.values(), 0.0, "").winners
        best = [f"trial {each.trial} with validation loss {each.validation_loss:.4f}" for each in winners.values()]
        if len(best) > 1:
            best = [f"{name} {words}" for name, words in zip(winners, best, strict=True)]
        return f"Best so far: {', '.join(best)}" if best else ""

    def _left(self) -> str:
        left = self._plan.count - len(self._results)
        seconds = (self._clock() - self._began) / self._ended * left
        done = f"{len(self._results)} of {self._plan.count} done"
        return f"{done}, about {duration(seconds)} left" if left else done


def _in_words(figures: Figures) -> str:
    known = {
        "validation loss": figures.validation_loss,
        "validation accuracy": figures.validation_accuracy,
        "test accuracy": figures.test_accuracy,
    }
    shown = [f"{name} {value:.4f}" for name, value in known.items() if value is not None]
    return ", ".join([*shown, "1 epoch" if figures.epochs == 1 else f"{figures.epochs} epochs"])
