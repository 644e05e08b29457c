"""A trial as a run without a sweep, and the configuration that it reads."""

import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from kedro.framework.context import KedroContext
from mlflow import MlflowClient

from mnist_resnet.cli.run import run
from mnist_resnet.config import nest
from mnist_resnet.sweep import trial
from mnist_resnet.sweep.plan import SweepPlan, Trial
from mnist_resnet.sweep.project_session import project_session
from mnist_resnet.sweep.trial import TrialTask, command_of, parameters_of, run_trial
from mnist_resnet.sweep.trial_runs import SweepRecord
from mnist_resnet.tracking.offline.spool import Spool, SpooledRun
from tests.conftest import PROJECT
from tests.sweep.made_results import SEED
from tests.sweep.test_plan import PLAN, RATE


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """The configuration with another momentum, packed."""
    shutil.copytree(PROJECT / "conf/base", tmp_path / "apart/conf/base")
    file = tmp_path / "apart/conf/base/parameters.yml"
    file.write_text(file.read_text().replace("    momentum: 0.9 ", "    momentum: 0.123 "))
    return Path(shutil.make_archive(str(tmp_path / "conf"), "zip", tmp_path / "apart", "conf/base"))


def task(plan: SweepPlan) -> TrialTask:
    record = SweepRecord("sqlite:///mlflow.db", "sweeps", "parent", ("mnist",))
    return TrialTask(PROJECT, plan, Trial(2, {RATE: 0.2, SEED: 3}), record, PROJECT / "data/sweeps/1/2-f", "kedro")


def test_the_same_run_without_the_sweep_registers_no_model() -> None:
    words = shlex.split(command_of(task(PLAN)))
    assert words[:-1] == ["run", "--env", "fast", "--pipelines", "training", "--namespaces", "mnist", "--params"]
    assert words[-1] == f"mnist.release.register=false,mnist.training.epochs=1,{RATE}=0.2,{SEED}=3"


def test_the_same_run_without_the_sweep_can_be_typed_with_a_list() -> None:
    made = task(PLAN)
    made = replace(made, trial=Trial(2, {"mnist.preprocessing.size": [32, 32], RATE: 0.2}))
    _, *words = shlex.split(command_of(made))
    assert run.make_context("run", words).params["params"] == nest(parameters_of(made))


def test_the_same_run_without_the_sweep_reads_the_same_configuration() -> None:
    words = shlex.split(command_of(task(replace(PLAN, env=None, conf_source="/my conf"))))
    assert words[:3] == ["run", "--conf-source", "/my conf"]


@pytest.mark.parametrize("kind", ["project", "archive"])
def test_a_trial_reads_the_configuration_of_its_plan(
    kind: str, tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = PROJECT if kind == "project" else tmp_path
    plan = replace(PLAN, env="base", conf_source=None if kind == "project" else str(archive))
    monkeypatch.chdir(folder)
    with project_session(folder, plan, parameters_of(task(plan))) as session:
        context: KedroContext = session.load_context()
        read = context.config_loader["parameters"]["mnist"]
    assert (read["training"]["seed"], read["training"]["learning_rate"]) == (3, 0.2)
    assert read["release"]["register"] is False
    assert read["training"]["momentum"] == (0.123 if kind == "archive" else 0.9)


@pytest.mark.parametrize("away", [False, True])
def test_a_trial_whose_record_is_half_there_has_failed_until_the_rest_is_sent(
    away: bool, tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = f"sqlite:///{shutil.copy(empty_store, tmp_path / 'mlflow.db')}"
    MlflowClient(store).create_experiment("sweeps")
    record = SweepRecord(store, "sweeps", "parent", ("mnist",))
    asked = replace(task(PLAN), project=tmp_path, record=record, outputs=tmp_path / "data/sweeps/1/2-f")
    runs: list[str] = []

    def runs_until_the_store_is_away(*_: object) -> None:
        if away:
            lost = SpooledRun(runs[-1], True, store, "sweeps", "trial 2", {}, 0)
            Spool(tmp_path, lost).close()

    monkeypatch.setattr(trial, "_set_variables", lambda _, run_id: runs.append(run_id))
    monkeypatch.setattr(trial, "_kedro_run", runs_until_the_store_is_away)
    result = run_trial(asked, lambda *_: False)
    assert result.status == ("FAILED" if away else "FINISHED")
    words = f"the rest of its record is in mlspool/{runs[0]}; type `kedro sync-tracking`, then go on by --resume"
    assert (words in (result.reason or "")) is away
