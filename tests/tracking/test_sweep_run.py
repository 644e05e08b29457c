"""The MLflow run of a sweep: opened, filled, ended, and opened again."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import mlflow
import pytest

from mnist_resnet.tracking.dead_runs import LOCK, locked_while_open
from mnist_resnet.tracking.offline.spool import Spool, SpooledRun
from mnist_resnet.tracking.run_lookup import RecordedRun, RecordedRunError, find_run
from mnist_resnet.tracking.sweep_run import (
    SweepRunError,
    open_promotion,
    open_sweep_run,
    read_plan,
)
from mnist_resnet.tracking.tracked_run import TrackedRun

PLAN = b'{"count": 2}'
ASKED = {"pipelines": "training", "namespaces": "mnist", "count": 2}
# A sweep that is killed while it is open.
KILLED = """
import os, signal, sys
from pathlib import Path
from mnist_resnet.tracking.sweep_run import open_sweep_run

asked = {"pipelines": "training", "namespaces": "mnist"}
with open_sweep_run(Path(sys.argv[1]), "sweeps", False, "base", b"{}", asked, None):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@contextmanager
def opened(project: Path, earlier: RecordedRun | None = None, **changes: Any) -> Iterator[TrackedRun]:
    asked = {"experiment": "sweeps", "explicit": False, "recipe": "base", "plan": PLAN, "parameters": ASKED}
    with open_sweep_run(project, **{**asked, **changes}, earlier=earlier) as run:
        yield run


def recorded(project: Path, store: str) -> RecordedRun:
    """A sweep that was begun and has ended."""
    with opened(project) as run:
        pass
    return find_run(run.run_id, store)


def test_a_sweep_is_recorded_with_its_plan_and_files(
    project: Path, store: str, client, capfd: pytest.CaptureFixture[str]
) -> None:
    with opened(project) as run:
        run.log_files({"sweep.json": b"{}", "mnist/accuracy.png": b"png"})
        assert client.get_run(run.run_id).info.status == "RUNNING"
    found = client.get_run(run.run_id)
    assert (found.info.status, found.info.run_name) == ("FINISHED", "base sweep")
    assert found.data.params == {name: str(value) for name, value in ASKED.items()}
    expected = {"recipe": "base", "namespaces": "mnist", "pipelines": "training"}
    assert expected.items() <= found.data.tags.items()
    assert {file.path for file in client.list_artifacts(run.run_id)} == {"plan.json", "sweep.json", "mnist"}
    assert [file.path for file in client.list_artifacts(run.run_id, "mnist")] == ["mnist/accuracy.png"]
    assert read_plan(find_run(run.run_id, store)) == PLAN
    assert "Downloading" not in capfd.readouterr().err
    assert (run.uri, run.experiment) == (store, "sweeps")


@pytest.mark.parametrize(
    ("path", "command"),
    [("/bin/kedro", "kedro"), ("/bin/mnist_resnet", "mnist_resnet"), ("/a/mnist_resnet/__main__.py", "python -m")],
)
def test_the_command_is_recorded_as_it_was_typed(
    project: Path, client, path: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [path, "sweep", "--seeds", "0-9"])
    with opened(project) as run:
        pass
    said = client.get_run(run.run_id).data.tags["command"]
    assert said.startswith(command)
    assert said.endswith(" sweep --seeds 0-9")


@pytest.mark.parametrize(("error", "status"), [(RuntimeError, "FAILED"), (KeyboardInterrupt, "KILLED")])
def test_a_sweep_ends_as_its_block_does(project: Path, client, error: type[BaseException], status: str) -> None:
    with pytest.raises(error), opened(project) as run:
        raise error
    assert client.get_run(run.run_id).info.status == status


def test_a_status_that_the_block_has_set_stays(project: Path, client) -> None:
    with opened(project) as run:
        run.close("FAILED")
    assert client.get_run(run.run_id).info.status == "FAILED"


def test_an_earlier_sweep_goes_on_in_its_run(
    project: Path, store: str, client, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = recorded(project, store)
    monkeypatch.setenv("MLFLOW_RUN_ID", "of somebody else")
    with opened(project, earlier) as run:
        assert run.run_id == earlier.run_id
        assert client.get_run(run.run_id).info.status == "RUNNING"
        assert LOCK in client.get_run(run.run_id).data.tags
    assert os.environ["MLFLOW_RUN_ID"] == "of somebody else"
    assert client.get_run(run.run_id).info.status == "FINISHED"
    assert len(client.search_runs([client.get_experiment_by_name("sweeps").experiment_id])) == 1


def test_a_sweep_whose_process_was_killed_goes_on(project: Path, store: str, client) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED, str(project)], check=False)
    assert ended.returncode == -signal.SIGKILL
    earlier = find_run("base sweep", store)
    assert earlier.status == "RUNNING"
    with opened(project, earlier):
        pass
    assert client.get_run(earlier.run_id).info.status == "FINISHED"


def test_a_sweep_that_is_still_running_does_not_go_on_twice(project: Path, store: str, client) -> None:
    earlier = recorded(project, store)
    with locked_while_open(project) as lock:
        client.set_tag(earlier.run_id, LOCK, lock[LOCK])
        client.update_run(earlier.run_id, status="RUNNING")
        with pytest.raises(SweepRunError, match=f"--resume: run {earlier.run_id[:8]} .* is still running"):  # noqa: SIM117
            with opened(project, earlier):
                pass
    assert client.get_run(earlier.run_id).info.status == "RUNNING"


def test_a_sweep_goes_on_in_its_own_experiment_whatever_is_asked_for_now(
    project: Path, store: str, client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "of the first day")
    earlier = recorded(project, store)
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME")
    with opened(project, earlier) as run:
        assert run.experiment == "of the first day"
    assert client.get_run(earlier.run_id).info.status == "FINISHED"


@pytest.mark.parametrize("error", [ConnectionError("reset"), KeyboardInterrupt()])
def test_a_sweep_that_cannot_be_opened_again_ends_as_it_had_ended(
    project: Path, store: str, client, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    earlier = recorded(project, store)
    client.set_terminated(earlier.run_id, "KILLED")
    monkeypatch.setattr("mnist_resnet.tracking.sweep_run.TrackedRun", Mock(side_effect=error))
    with pytest.raises(type(error)), opened(project, earlier):
        pass
    assert client.get_run(earlier.run_id).info.status == "KILLED"


def test_a_sweep_whose_record_is_still_to_be_sent_does_not_go_on(project: Path, store: str, client) -> None:
    earlier = recorded(project, store)
    Spool(project, SpooledRun(earlier.run_id, True, store, "sweeps", "base sweep", {}, 0)).close()
    told = rf"the rest of the record of run {earlier.run_id[:8]} .* is in mlspool/.*; type `kedro sync-tracking` first"
    with pytest.raises(SweepRunError, match=told), opened(project, earlier):
        pass
    assert client.get_run(earlier.run_id).info.status == "FINISHED"


def test_a_run_without_a_plan_is_no_sweep(project: Path, store: str, open_run) -> None:
    run = open_run()
    run.close("FINISHED")
    with pytest.raises(RecordedRunError, match="is not a sweep; give the id of a sweep's own run"):
        read_plan(find_run(run.run_id, store))


def test_a_run_that_another_process_fills_is_killed_with_the_sweep(project: Path, store: str, client) -> None:
    client.create_experiment("sweeps")
    with pytest.raises(KeyboardInterrupt), open_promotion(store, "sweeps", "promoted", "parent", project) as variables:
        raise KeyboardInterrupt
    assert client.get_run(variables["MLFLOW_RUN_ID"]).info.status == "KILLED"


@pytest.mark.parametrize(("closed", "status"), [(True, "FINISHED"), (False, "FAILED")])
def test_a_run_that_another_process_fills_is_not_left_open(
    project: Path, store: str, client, closed: bool, status: str
) -> None:
    client.create_experiment("sweeps")
    with open_promotion(store, "sweeps", "promoted", "parent", project) as variables:
        run_id = variables.pop("MLFLOW_RUN_ID")
        assert variables == {"MLFLOW_TRACKING_URI": store, "MLFLOW_EXPERIMENT_NAME": "sweeps"}
        tags = client.get_run(run_id).data.tags
        assert (tags["sweep.promotes_for"], LOCK in tags) == ("parent", True)
        assert client.get_run(run_id).info.run_name == "promoted"
        if closed:
            mlflow.MlflowClient(store).set_terminated(run_id, "FINISHED")
    assert client.get_run(run_id).info.status == status
