"""Results of trials that nobody has run."""

import random
from dataclasses import replace

from pydantic import TypeAdapter

from mnist_resnet.sweep.outcome import SweepOutcome, outcome_of
from mnist_resnet.sweep.plan import SweepPlan, Trial
from mnist_resnet.sweep.trial_result import Figures, Status, TrialResult
from tests.sweep.test_plan import PLAN

RATE, SEED, NESTEROV = "mnist.training.learning_rate", "mnist.training.seed", "mnist.training.nesterov"


def plan_of(*trials: Trial, namespaces: tuple[str, ...] = ("mnist",)) -> SweepPlan:
    """A plan of a fixed list."""
    return replace(PLAN, namespaces=namespaces, params={}, trials=trials, space={}, count=len(trials))


def figures(loss: float | None, accuracy: float = 0.98, test: float | None = 0.99) -> Figures:
    """Figures of one data set after two epochs."""
    return Figures(loss, None if loss is None else accuracy, test, 2, () if loss is None else (2 * loss, loss))


def result(trial: Trial, loss: float | None = 0.1, status: Status = "FINISHED", **more: float | None) -> TrialResult:
    """The result of a trial of MNIST."""
    return TrialResult(trial, status, f"run{trial.number}", 10.0, {"mnist": figures(loss, **more)})


def failed(trial: Trial) -> TrialResult:
    """The result of a trial that failed before its first epoch was over."""
    return TrialResult(trial, "FAILED", "run", 3.0, {}, "MNIST: the loss is nan at step 12")


def made_sweep(plan: SweepPlan, seed: int = 0, statuses: tuple[Status, ...] = ("FINISHED",)) -> SweepOutcome:
    """The outcome of a plan whose figures are made up; the statuses are taken in turn."""
    chance, results = random.Random(seed), []  # noqa: S311  # no secret
    for trial in plan.trials:
        status = statuses[trial.number % len(statuses)]
        made = {name: _made(trial, status, chance) for name in plan.namespaces}
        reason = "MNIST: the loss is nan at step 12" if status == "FAILED" else None
        results.append(TrialResult(trial, status, f"run{trial.number}", 60.0, {} if reason else made, reason))
    return outcome_of(plan, results, 754.0, "parent")


def _made(trial: Trial, status: Status, chance: random.Random) -> Figures:
    rate = trial.overrides.get(RATE, 0.4)
    loss = 0.03 + 0.02 * (float(rate) - 0.4) ** 2 + chance.gauss(0, 0.002) + 0.05 * (status == "PRUNED")
    test = None if status != "FINISHED" else 1 - loss / 3.5
    return Figures(loss, 1 - loss / 3, test, 1 if status == "PRUNED" else 3, (3 * loss, 2 * loss, loss))


def read_outcome(content: bytes) -> SweepOutcome:
    """What a ``sweep.json`` says."""
    return TypeAdapter(SweepOutcome).validate_json(content)
