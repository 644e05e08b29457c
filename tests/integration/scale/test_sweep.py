"""Sweeps on a cluster of two workers."""

import json
import os
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities import Run

from mnist_resnet.storage.digests import digests_of_weights
from mnist_resnet.sweep.engine import recorded_plan, run_sweep
from mnist_resnet.sweep.outcome import SweepOutcome
from mnist_resnet.sweep.plan import SweepPlan, Trial
from mnist_resnet.sweep.progress_lines import ProgressLines
from mnist_resnet.tracking.dead_runs import LOCK
from tests.integration.conftest import KEDRO, Project, as_configured, clean_environment
from tests.sweep.made_results import read_outcome

pytestmark = [pytest.mark.integration, pytest.mark.scale, pytest.mark.usefixtures("ray_cluster")]


def made_plan(*overrides: dict[str, Any], **changes: Any) -> SweepPlan:
    trials = tuple(Trial(number, each) for number, each in enumerate(overrides))
    asked: dict[str, Any] = {
        "env": None,
        "namespaces": ("squares",),
        "pipelines": ("data", "train"),
        "params": {"squares.training.epochs": 2},
        "trials": trials,
        "space": {},
        "count": len(trials),
        "prune": False,
        "cpus": 1,
        "gpus": 0.0,
        "promote": False,
        "parameters_digest": "",
    }
    return SweepPlan(**{**asked, **changes})


def swept(project: Project, plan: SweepPlan, said: list[str], resume: str | None = None) -> SweepOutcome:
    configured = as_configured(plan, project)
    return run_sweep(configured, project.folder, None, resume, ProgressLines(configured, said.append))


def children(project: Project, parent: str) -> list[Run]:
    found = [run for run in project.runs() if run.data.tags.get("mlflow.parentRunId") == parent]
    return sorted(found, key=lambda run: int(run.data.tags["sweep.trial"]))


def weights_of(outputs: Path) -> dict[str, str]:
    from mnist_resnet.computing.backend import keras

    return digests_of_weights(keras.saving.load_model(outputs / "06_models/squares/model.keras", compile=False))


def outputs_of(project: Project, outcome: SweepOutcome, number: int) -> Path:
    (folder,) = (project.folder / "data/sweeps" / outcome.run_id[:8]).glob(f"{number}-*")
    return folder


def holder_of(folder: Path) -> int:
    """The process that works in a folder of outputs."""
    return int(json.loads((folder / "run.lock").read_text())["process"])


def once(condition: Callable[[], bool], then: Callable[[], None]) -> threading.Thread:
    """Do something in a thread as soon as a condition holds, while a sweep runs."""

    def wait() -> None:
        for _ in range(3000):
            if condition():
                then()
                return
            time.sleep(0.05)

    started = threading.Thread(target=wait, daemon=True)
    started.start()
    return started


def test_a_good_trial_beside_a_failing_one(squares: Project) -> None:
    said: list[str] = []
    plan = made_plan({"squares.training.learning_rate": 0.05}, {"squares.training.learning_rate": 1e30})
    outcome = swept(squares, plan, said)
    good, bad = outcome.trials
    assert (good.status, bad.status, outcome.succeeded) == ("FINISHED", "FAILED", False)
    assert any(f"data/sweeps/{outcome.run_id[:8]}/1-{bad.trial.identity}/trial.log" in line for line in said)
    parent = squares.client.get_run(outcome.run_id)
    assert parent.info.status == "FAILED"
    assert parent.data.tags["sweep.progress"] == "1 of 2 trials"
    assert parent.data.metrics["trials_failed"] == 1
    assert read_outcome(squares.recorded(outcome.run_id, "sweep.json").read_bytes()) == outcome
    assert recorded_plan(outcome.run_id[:12], squares.folder) == as_configured(plan, squares)
    assert [run.info.status for run in children(squares, outcome.run_id)] == ["FINISHED", "FAILED"]
    prepared = {path.stat().st_ino for path in (squares.folder / "data/sweeps").rglob("train_images.npy")}
    assert len(prepared) == 1


@pytest.mark.slow
def test_a_trial_whose_process_is_killed_goes_on_bitwise_in_the_same_run(squares: Project) -> None:
    said: list[str] = []
    plan = made_plan({"squares.training.seed": 3}, params={"squares.training.epochs": 30})
    killed: list[int] = []

    def has_trained() -> bool:
        return any((squares.folder / "data/sweeps").glob("*/0-*/06_models/squares/checkpoint/*"))

    def kill() -> None:
        (folder,) = (squares.folder / "data/sweeps").glob("*/0-*")
        killed.append(holder_of(folder))
        os.kill(killed[0], signal.SIGKILL)

    killing = once(has_trained, kill)
    outcome = swept(squares, plan, said)
    killing.join()
    (result,) = outcome.trials
    assert killed
    assert sum("is started again from its checkpoint: its process has died" in line for line in said) == 1
    assert (result.status, result.figures["squares"].epochs) == ("FINISHED", 30)
    (child,) = children(squares, outcome.run_id)
    assert (child.info.run_id, child.info.status) == (result.run_id, "FINISHED")
    outputs = outputs_of(squares, outcome, 0)
    assert "resuming after epoch" in (outputs / "trial.log").read_text()
    words = shlex.split(child.data.tags["command"])[1:]
    alone = squares.kedro(*words, TF_NUM_INTRAOP_THREADS="1")
    assert alone.returncode == 0, alone.stderr
    assert weights_of(squares.folder / "data") == weights_of(outputs)


@pytest.mark.slow
def test_a_sweep_whose_driver_was_killed_repeats_nothing(squares: Project, ray_cluster: Any) -> None:
    words = ("--namespaces", "squares", "--pipelines", "data,train", "--seeds", "0,1", "--cpus", "2")
    address = ray_cluster.get_runtime_context().gcs_address
    driver = subprocess.Popen(
        [KEDRO, "sweep", *words, "--address", address],
        cwd=squares.folder,
        env=clean_environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert driver.stderr is not None
    said = []
    for line in driver.stderr:
        said.append(line)
        if line.startswith("Trial 0 finished"):
            break
    driver.kill()
    driver.wait(30)
    driver.stderr.close()
    (parent,) = [run for run in squares.runs() if "mlflow.parentRunId" not in run.data.tags]
    assert parent.info.status == "RUNNING", said
    plan = recorded_plan(parent.info.run_id, squares.folder)
    (first, *_) = children(squares, parent.info.run_id)
    outcome = swept(squares, plan, said, resume=parent.info.run_id)
    assert "Resumed: 1 of 2 trials are done" in said
    assert not any(line.startswith("Trial 0 starts") for line in said[said.index("Resumed: 1 of 2 trials are done") :])
    assert (outcome.run_id, outcome.succeeded) == (parent.info.run_id, True)
    runs = squares.runs()
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert len(runs) == 3
    assert children(squares, outcome.run_id)[0].info.end_time == first.info.end_time
    assert LOCK in squares.client.get_run(outcome.run_id).data.tags
