"""A trial of a sweep in a process of its own, without Ray."""

import json
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mnist_resnet.storage.digests import digests_of_weights
from mnist_resnet.sweep.plan import SweepPlan, Trial
from mnist_resnet.sweep.trial import LOG_FILE, TrialTask, command_of
from mnist_resnet.sweep.trial_result import TrialResult
from mnist_resnet.sweep.trial_runs import SweepRecord, close_dead_children, open_child, read_results
from mnist_resnet.tracking.store.address import artifacts_uri
from tests.integration.conftest import Project, as_configured, clean_environment, edit

pytestmark = [pytest.mark.integration, pytest.mark.landing]

WORKER = """
import pickle, sys
from pathlib import Path
from mnist_resnet.sweep.trial import run_trial

file = Path(sys.argv[1])
task, stop_after = pickle.loads(file.read_bytes())
reports = []

def report(epoch, loss):
    reports.append((epoch, loss))
    return epoch == stop_after

result = run_trial(task, report)
file.with_suffix(".result").write_bytes(pickle.dumps((result, reports)))
"""


def task_of(project: Project, overrides: dict[str, object], number: int = 0) -> TrialTask:
    described = SweepPlan(
        env=None,
        namespaces=("squares",),
        pipelines=("training",),
        params={"squares.training.epochs": 2},
        trials=(),
        space={},
        count=1,
        prune=False,
        cpus=1,
        gpus=0.0,
        promote=False,
        parameters_digest="",
    )
    plan = as_configured(described, project)
    known = project.client.get_experiment_by_name("mnist_resnet")
    experiment = (
        known.experiment_id
        if known
        else project.client.create_experiment("mnist_resnet", artifacts_uri(project.folder))
    )
    parent = project.client.create_run(experiment, run_name="sweep").info.run_id
    record = SweepRecord(project.store, "mnist_resnet", parent, plan.namespaces)
    trial = Trial(number, overrides)
    return TrialTask(project.folder, plan, trial, record, project.folder / f"data/sweeps/made/{number}", "kedro")


def start(task: TrialTask, stop_after: int = 0) -> "subprocess.Popen[bytes]":
    file = task.outputs.with_suffix(".task")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(pickle.dumps((task, stop_after)))
    command = [sys.executable, "-c", WORKER, str(file)]
    return subprocess.Popen(command, cwd="/", env=clean_environment() | {"MLFLOW_DISABLE_TELEMETRY": "true"})


def finish(task: TrialTask, process: "subprocess.Popen[bytes]") -> tuple[TrialResult, list[tuple[int, float]]]:
    assert process.wait(240) == 0, log_of(task)
    return pickle.loads(task.outputs.with_suffix(".result").read_bytes())  # noqa: S301  # written above


def log_of(task: TrialTask) -> str:
    return (task.outputs / LOG_FILE).read_text(errors="replace")


def weights_of(folder: Path) -> dict[str, str]:
    from mnist_resnet.computing.backend import keras

    return digests_of_weights(keras.saving.load_model(folder / "06_models/squares/model.keras", compile=False))


@pytest.mark.slow
def test_a_trial_is_the_run_that_its_command_makes(squares: Project) -> None:
    task = task_of(squares, {"squares.training.seed": 3})
    result, reports = finish(task, start(task))
    assert (result.status, result.reason, result.trial) == ("FINISHED", None, task.trial)
    figures = result.figures["squares"]
    assert [loss for _, loss in reports] == list(figures.losses)
    assert (figures.epochs, figures.validation_loss) == (2, figures.losses[-1])
    child = squares.client.get_run(result.run_id)
    assert (child.info.status, child.data.tags["mlflow.parentRunId"]) == ("FINISHED", task.record.parent_id)
    assert child.data.tags["command"] == f"kedro {command_of(task)}"
    assert child.data.tags["sweep.outcome"] == "FINISHED"
    provenance = json.loads(squares.recorded(result.run_id, "provenance.json").read_text())
    assert provenance["environment"]["variables"]["TF_NUM_INTRAOP_THREADS"] == "1"
    assert json.loads((task.outputs / "08_reporting/squares/release.json").read_text())["version"] is None
    assert not (squares.folder / "data/06_models").exists()
    alone = squares.kedro(*command_of(task).split(), TF_NUM_INTRAOP_THREADS="1")
    assert alone.returncode == 0, alone.stderr
    assert weights_of(squares.folder / "data") == weights_of(task.outputs)


@pytest.mark.slow
def test_a_killed_trial_goes_on_in_the_same_run(squares: Project) -> None:
    task = task_of(squares, {"squares.training.epochs": 40, "squares.training.learning_rate": 0.01})
    process = start(task)
    checkpoint = task.outputs / "06_models/squares/checkpoint"
    _wait_for(lambda: checkpoint.exists() and any(checkpoint.iterdir()), process)
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    (dead,) = read_results(task.record)
    assert (dead.status, squares.client.get_run(dead.run_id).info.status) == ("KILLED", "RUNNING")
    result, reports = finish(task, start(task))
    assert (result.status, result.run_id) == ("FINISHED", dead.run_id)
    assert [epoch for epoch, _ in reports] == list(range(1, 41))
    assert "resuming after epoch" in log_of(task)
    assert result.figures["squares"].epochs == 40
    assert len(read_results(task.record)) == 1


@pytest.mark.slow
def test_a_trial_that_is_told_to_stop_is_killed_by_the_record_and_pruned_by_its_tag(squares: Project) -> None:
    task = task_of(squares, {"squares.training.seed": 1})
    result, reports = finish(task, start(task, stop_after=1))
    assert (result.status, len(reports), result.figures["squares"].epochs) == ("PRUNED", 1, 1)
    assert squares.client.get_run(result.run_id).info.status == "KILLED"
    assert result.figures["squares"].test_accuracy is None


@pytest.mark.slow
def test_a_failing_trial_says_why(squares: Project) -> None:
    task = task_of(squares, {"squares.training.learning_rate": 1e30})
    result, _ = finish(task, start(task))
    assert result.status == "FAILED"
    assert "squares.training.learning_rate" in str(result.reason) or "loss" in str(result.reason)
    assert squares.client.get_run(result.run_id).info.status == "FAILED"


def test_a_trial_by_another_configuration_than_the_sweeps_is_refused(squares: Project) -> None:
    task = task_of(squares, {"squares.training.seed": 1})
    changed = squares.folder / "conf/base/parameters.yml"
    edit(changed, lambda parameters: parameters["squares"]["training"].update(momentum=0.8))
    result, reports = finish(task, start(task))
    assert (result.status, reports) == ("FAILED", [])
    assert str(result.reason).startswith("the parameters in conf/ have changed since this sweep began")


@pytest.mark.slow
def test_an_interrupted_trial_is_killed_within_seconds(squares: Project) -> None:
    task = task_of(squares, {"squares.training.epochs": 2000})
    process = start(task)
    checkpoint = task.outputs / "06_models/squares/checkpoint"
    _wait_for(lambda: checkpoint.exists() and any(checkpoint.iterdir()), process)
    process.send_signal(signal.SIGTERM)
    process.wait(20)
    (result,) = read_results(task.record)
    assert result.status == "KILLED"
    assert squares.client.get_run(result.run_id).info.status == "KILLED"


def test_what_a_dead_driver_has_left_is_closed_and_can_go_on(squares: Project) -> None:
    task = task_of(squares, {"squares.training.seed": 1})
    run_id, seconds = open_child(task.record, task.trial)
    assert seconds == 0
    close_dead_children(task.record)
    assert squares.client.get_run(run_id).info.status == "KILLED"
    assert open_child(task.record, task.trial)[0] == run_id
    assert squares.client.get_run(run_id).info.status == "RUNNING"


def _wait_for(condition, process) -> None:  # type: ignore[no-untyped-def]
    for _ in range(1200):
        if condition() or process.poll() is not None:
            break
        time.sleep(0.05)
    assert process.poll() is None
    assert condition()
