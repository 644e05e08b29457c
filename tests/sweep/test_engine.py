"""The plan of an earlier sweep, and the chance at which the winner of a sweep becomes champion."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from mnist_resnet.config import validate_parameters
from mnist_resnet.sweep import engine
from mnist_resnet.sweep.plan import Trial
from mnist_resnet.sweep.promotion import Promotion
from mnist_resnet.tracking.store.database import StoreMissingError
from tests.conftest import recipe_parameters
from tests.sweep.made_results import SEED, made_sweep, plan_of


def test_a_sweep_to_resume_is_not_looked_for_in_a_store_that_is_made_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(StoreMissingError, match="does not exist"):
        engine.recorded_plan("abc", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_winner_of_many_trials_has_its_share_of_one_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    parameters = validate_parameters(recipe_parameters("base"))
    outcome = made_sweep(plan_of(*(Trial(n, {SEED: n}) for n in range(5))), statuses=("FINISHED", "PRUNED", "FAILED"))
    asked: list[tuple[Trial, str, float]] = []

    def promote(trial: Trial, name: str, significance: float) -> Promotion:
        asked.append((trial, name, significance))
        return Promotion(trial.number, "run", "7", champion=True, reason="it wins")

    monkeypatch.setattr(engine, "promote", promote)
    promoted = engine._with_promotions(outcome, SimpleNamespace(task=lambda trial: trial), parameters)
    ((trial, name, significance),) = asked
    assert (trial.number, name) == (outcome.winners["mnist"].trial, "mnist")
    assert significance == pytest.approx(parameters.namespaces["mnist"].release.significance / 4)
    assert promoted.promotions["mnist"].champion
