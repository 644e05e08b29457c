"""The scheduler of a search: Optuna's sampler proposes trials, its pruner stops those that are worse than others.

Both see validation losses only. Sampler: tree-structured Parzen estimator (Bergstra et al. 2011). Pruner: the median
rule (Golovin et al. 2017), from the fifth finished trial on.
"""

import itertools
import math
import random
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mnist_resnet.sweep.plan import SweepPlan, Trial
from mnist_resnet.sweep.search_space import Choice, Range, points
from mnist_resnet.sweep.trial_result import DONE, TrialResult

_SEED = 0
_TRIES = 10  # to draw a trial that was not given before, until one is looked for in the list of all


class Study:
    """The scheduler of a plan with a space.

    Args:
        plan: The space, how many trials there are, and whether some are stopped early.
    """

    def __init__(self, plan: SweepPlan) -> None:
        self._space, self._left = plan.space, plan.count
        self._distributions = {key: _distribution(dimension) for key, dimension in plan.space.items()}
        self._study, self._prunes = _new_study(_SEED), plan.prune
        self._begun = deque[Trial]()
        self._given, self._next_number = set[str](), 0
        self._running: dict[str, Any] = {}  # by identity, Optuna's trials
        self._reported: dict[str, int] = {}  # by identity, the last epoch
        self._stopped = set[str]()

    def resume(self, earlier: Iterable[TrialResult]) -> None:
        """Let the sampler go on from the results of earlier trials, and begin with those that did not end."""
        results = {result.trial.identity: result for result in earlier}.values()
        # The same seed would draw the same first trials again.
        self._study = _new_study(_SEED + len(results))
        self._next_number = max((result.trial.number + 1 for result in results), default=0)
        self._begun.extend(result.trial for result in results if result.status not in DONE)
        self._given |= {result.trial.identity for result in results}
        for result in results:
            if result.status in DONE:
                self._study.add_trial(self._as_optunas(result))
                self._left -= 1

    def ask(self) -> Trial | None:
        """The next trial: one that was begun earlier, else one that the sampler draws, and that was never given."""
        if self._left <= 0:
            return None
        self._left -= 1
        if self._begun:
            trial = self._begun.popleft()
            return self._give(trial, self._ask_for(trial.overrides))
        trial, asked = self._draw()
        self._next_number += 1
        return self._give(trial, asked)

    def _draw(self) -> tuple[Trial, Any]:
        """A trial that was never given, and Optuna's trial for it."""
        for tries in itertools.count(1):
            asked = self._study.ask(self._distributions)
            trial = Trial(self._next_number, self._overrides(asked.params))
            if trial.identity not in self._given:
                return trial, asked
            self._study.tell(asked, state=_states().FAIL)
            if tries >= _TRIES and math.isfinite(points(self._space)):
                break
        trial = Trial(self._next_number, next(self._ungiven()))
        return trial, self._ask_for(trial.overrides)

    def report(self, trial: Trial, epoch: int, validation_loss: float) -> bool:
        """Take note of an epoch unless it is known, and have the pruner decide."""
        running, identity = self._running.get(trial.identity), trial.identity
        if running is not None and epoch > self._reported.get(identity, 0):
            self._reported[identity] = epoch
            running.report(validation_loss if math.isfinite(validation_loss) else math.inf, epoch)
            if self._prunes and running.should_prune():
                self._stopped.add(identity)
        return identity in self._stopped

    def tell(self, result: TrialResult) -> None:
        """Take note of how a trial has ended.

        One that failed, such as by a loss that is not finite, counts as worse than all others, so that the sampler
        leaves that corner. One that was interrupted does not count.
        """
        running = self._running.pop(result.trial.identity, None)
        if running is None:
            return
        state, loss = self._verdict(result)
        self._study.tell(running, loss, state)

    def _give(self, trial: Trial, asked: Any) -> Trial:
        self._given.add(trial.identity)
        self._running[trial.identity] = asked
        return trial

    def _ask_for(self, overrides: Mapping[str, Any]) -> Any:
        self._study.enqueue_trial(self._drawn(overrides))
        return self._study.ask(self._distributions)

    def _verdict(self, result: TrialResult) -> tuple[Any, float | None]:
        loss = self._loss(result)
        if result.status == "FINISHED":
            return (_states().FAIL, None) if loss is None else (_states().COMPLETE, loss)
        return (_states().FAIL if result.status == "KILLED" else _states().PRUNED), None

    def _loss(self, result: TrialResult) -> float | None:
        losses = [figures.validation_loss for figures in result.figures.values()]
        return next((loss for loss in losses if loss is not None and math.isfinite(loss)), None)

    def _as_optunas(self, result: TrialResult) -> Any:
        """A trial of an earlier process, as Optuna keeps it."""
        from optuna.trial import create_trial

        state, loss = self._verdict(result)
        losses = [loss for figures in result.figures.values() for loss in figures.losses]
        return create_trial(
            state=state,
            value=loss,
            params=self._drawn(result.trial.overrides),
            distributions=self._distributions,
            intermediate_values=dict(enumerate(losses, start=1)),
        )

    def _overrides(self, drawn: Mapping[str, Any]) -> dict[str, Any]:
        return {key: _value(dimension, drawn[key]) for key, dimension in self._space.items()}

    def _drawn(self, overrides: Mapping[str, Any]) -> dict[str, Any]:
        return {key: _place(dimension, overrides[key]) for key, dimension in self._space.items()}

    def _ungiven(self) -> Iterator[dict[str, Any]]:
        """The trials of a finite space that were not given yet, in an order made by chance."""
        chance = random.Random(_SEED)  # noqa: S311  # no secret
        axes = [[*dimension.all_values()] for dimension in self._space.values()]
        for axis in axes:
            chance.shuffle(axis)
        for point in itertools.product(*axes):
            overrides = dict(zip(self._space, point, strict=True))
            if Trial(0, overrides).identity not in self._given:
                yield overrides


def _new_study(seed: int) -> Any:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=seed), pruner=optuna.pruners.MedianPruner(), direction="minimize"
    )


def _states() -> Any:
    from optuna.trial import TrialState

    return TrialState


def _distribution(dimension: Range | Choice) -> Any:
    """What Optuna draws from; of a choice, the place, since it takes no lists."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(dimension, Choice):
        return CategoricalDistribution(range(len(dimension.values)))
    low, high = dimension.ends()
    if dimension.whole:
        return IntDistribution(low, high, log=dimension.log, step=int(dimension.step or 1))
    return FloatDistribution(low, high, log=dimension.log, step=dimension.step)


def _value(dimension: Range | Choice, drawn: Any) -> Any:
    return dimension.values[drawn] if isinstance(dimension, Choice) else dimension.nearest(drawn)


def _place(dimension: Range | Choice, value: Any) -> Any:
    if isinstance(dimension, Range):
        return value
    return next(place for place, each in enumerate(dimension.values) if each == value and type(each) is type(value))
