"""The winner of a sweep, offered to the registry by a run of its own."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from mnist_resnet.sweep.plan import Trial
from mnist_resnet.sweep.promotion import Promotion, promote
from mnist_resnet.sweep.trial import TrialTask
from mnist_resnet.sweep.trial_runs import SweepRecord
from tests.sweep.made_results import RATE
from tests.sweep.test_plan import PLAN

RELEASE = {"version": "7", "champion": True, "reason": "it is the first"}
# Stands for the program: Python looks in the present folder first.
PROGRAM = """
import json, os, pathlib, sys
release = pathlib.Path(os.environ["MNIST_RESNET_OUTPUTS"], "08_reporting/mnist/release.json")
release.parent.mkdir(parents=True, exist_ok=True)
release.write_text(%r)
names = ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_RUN_ID")
pathlib.Path("told.json").write_text(json.dumps([sys.argv[1:], {name: os.environ[name] for name in names}]))
sys.exit(%d)
"""


@pytest.fixture
def task(tmp_path: Path, empty_store: Path) -> TrialTask:
    """A finished trial, recorded in a store of its own."""
    store = f"sqlite:///{shutil.copy(empty_store, tmp_path / 'mlflow.db')}"
    MlflowClient(store).create_experiment("sweeps")
    trial, outputs = Trial(3, {RATE: 0.2}), tmp_path / "data/sweeps/abc/3-f00"
    outputs.mkdir(parents=True)
    plan = replace(PLAN, promote=True, params={"mnist.training.epochs": 1})
    return TrialTask(tmp_path, plan, trial, SweepRecord(store, "sweeps", "parent", ("mnist",)), outputs, "kedro")


def promoted(task: TrialTask, exit_code: int = 0) -> Promotion:
    (task.project / "kedro.py").write_text(PROGRAM % (json.dumps(RELEASE), exit_code))
    return promote(task, "mnist", significance=0.0125)


def told(task: TrialTask) -> tuple[list[str], dict[str, str]]:
    words, variables = json.loads((task.project / "told.json").read_text())
    return words, variables


def test_a_run_of_its_own_evaluates_the_trials_model_and_may_register_it(task: TrialTask) -> None:
    promotion = promoted(task)
    words, variables = told(task)
    assert promotion == Promotion(3, variables["MLFLOW_RUN_ID"], "7", True, "it is the first")
    assert words[:-1] == ["run", "--env", "fast", "--pipelines", "evaluate", "--namespaces", "mnist", "--params"]
    expected = {
        "mnist.release.register=true",
        "mnist.release.significance=0.0125",
        "mnist.training.epochs=1",
        f"{RATE}=0.2",
    }
    assert set(words[-1].split(",")) == expected
    assert (variables["MLFLOW_TRACKING_URI"], variables["MLFLOW_EXPERIMENT_NAME"]) == (task.record.store, "sweeps")
    run: Any = MlflowClient(task.record.store).get_run(promotion.run_id)
    assert (run.info.run_name, run.data.tags["sweep.promotes_for"]) == ("promotion of trial 3", "parent")


def test_an_evaluation_that_fails_is_told_with_its_log_and_registers_nothing(task: TrialTask) -> None:
    promotion = promoted(task, exit_code=1)
    assert (promotion.version, promotion.champion, promotion.failed) == (None, False, True)
    assert promotion.reason == "its evaluation has failed; see data/sweeps/abc/3-f00/promotion.log"
    assert MlflowClient(task.record.store).get_run(promotion.run_id).info.status == "FAILED"
