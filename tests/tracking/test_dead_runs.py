import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from mlflow import MlflowClient

from mnist_resnet.tracking import dead_runs as module
from mnist_resnet.tracking.dead_runs import (
    ENDED_BECAUSE,
    PROCESS,
    Process,
    close_dead_runs,
    of_moved_project,
    process_tags,
)

EXPERIMENT = "squares"


@pytest.fixture
def store(project):
    return f"sqlite:///{project / 'mlflow.db'}"


@pytest.fixture
def create_run(store):
    """Make a run that is recorded as going on."""
    client = MlflowClient(store)
    experiment = client.create_experiment(EXPERIMENT)

    def create_run(process: Process | None, status: str = "RUNNING"):
        tags = {PROCESS: json.dumps(asdict(process))} if process else {}
        run_id = client.create_run(experiment, tags=tags, run_name="base training").info.run_id
        if status != "RUNNING":
            client.set_terminated(run_id, status)
        return lambda: client.get_run(run_id)

    return create_run


def ended_process(reaped: bool = True) -> subprocess.Popen:
    """A process that has been killed."""
    process = subprocess.Popen([sys.executable, "-c", "print(flush=True); input()"], stdin=-1, stdout=-1)
    process.stdout.readline()
    process.started = Process.present.__globals__["_start_of"](process.pid)
    process.send_signal(signal.SIGKILL)
    if reaped:
        process.communicate()
    else:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    return process


def test_a_run_whose_process_was_killed_is_marked_as_failed(project, store, create_run, caplog):
    process = ended_process()
    run = create_run(replace(Process.present(project), pid=process.pid, started=process.started))
    caplog.set_level("INFO", "mnist_resnet")
    close_dead_runs(store, EXPERIMENT, project)
    info = run().info
    assert (info.status, info.end_time is not None) == ("FAILED", True)
    assert run().data.tags[ENDED_BECAUSE] == f"its process {process.pid} died without closing it"
    assert f"Run {info.run_id[:8]} (base training) is marked as failed" in caplog.text


def test_a_killed_process_that_nobody_has_asked_for_is_dead_too(project, store, create_run):
    process = ended_process(reaped=False)
    run = create_run(replace(Process.present(project), pid=process.pid, started=process.started))
    close_dead_runs(store, EXPERIMENT, project)
    process.communicate()
    assert run().info.status == "FAILED"


@pytest.mark.parametrize(
    "changes",
    [{"boot": "an earlier one"}, {"started": 1}, {"pid": 2**22 + 1}, {"pid": 2**22 + 1, "started": None}],
    ids=["before a restart", "number used again", "no such process", "no such process, start not known"],
)
def test_what_has_certainly_ended_is_gone(project, store, create_run, changes):
    run = create_run(replace(Process.present(project), **changes))
    close_dead_runs(store, EXPERIMENT, project)
    assert run().info.status == "FAILED"


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"started": None},
        {"host": "elsewhere", "pid": 2**22 + 1},
        {"project": "/elsewhere", "pid": 2**22 + 1},
        {"namespace": "pid:[1]", "pid": 2**22 + 1},
        {"boot": None, "namespace": None, "started": None},
        {"pid": 1, "started": None},
    ],
    ids=["alive", "start not known", "host", "project", "container", "another system", "somebody else's"],
)
def test_what_may_be_alive_is_left_alone(project, store, create_run, changes):
    run = create_run(replace(Process.present(project), **changes))
    close_dead_runs(store, EXPERIMENT, project)
    assert run().info.status == "RUNNING"
    assert ENDED_BECAUSE not in run().data.tags


def test_runs_that_have_ended_or_name_no_process_are_left_alone(project, store, create_run):
    gone = replace(Process.present(project), pid=2**22 + 1)
    finished, unknown = create_run(gone, "FINISHED"), create_run(None)
    close_dead_runs(store, EXPERIMENT, project)
    assert [run().info.status for run in (finished, unknown)] == ["FINISHED", "RUNNING"]
    assert ENDED_BECAUSE not in finished().data.tags


@pytest.mark.parametrize("tag", ["no process", "7", '{"host": "h"}', process_tags(Path("/elsewhere"))[PROCESS]])
def test_the_tag_of_another_project_stays_as_it_is(tmp_path, tag):
    assert of_moved_project(tag, tmp_path / "former", tmp_path) == tag


def test_without_the_experiment_there_is_nothing_to_do(project, store):
    close_dead_runs(store, "no such experiment", project)


def test_a_run_that_another_process_has_opened_is_not_this_ones(project, monkeypatch):
    assert Process(**json.loads(process_tags(project)[PROCESS])) == Process.present(project)
    monkeypatch.setenv("MLFLOW_RUN_ID", "0" * 32)
    assert process_tags(project) == {}


def test_another_users_process_of_which_nothing_is_told_is_left_alone(project, store, create_run, monkeypatch):
    run = create_run(Process.present(project))
    monkeypatch.setattr(module, "_start_of", lambda _: None)  # as where /proc hides what is not one's own
    close_dead_runs(store, EXPERIMENT, project)
    assert run().info.status == "RUNNING"
