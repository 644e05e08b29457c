import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from mnist_resnet.terminal import signals
from mnist_resnet.tracking import tracked_run as module
from mnist_resnet.tracking.offline.spool import read_spool
from mnist_resnet.tracking.store.address import tracking_uri
from mnist_resnet.tracking.tracked_run import TrackedRun

EXPERIMENT = "squares"

# A process that opens a run and then waits for its end.
INTERRUPTED = """
import sys
import time
from collections.abc import Callable
from pathlib import Path
from mnist_resnet.tracking.tracked_run import TrackedRun

TrackedRun(Path(sys.argv[1]), "squares", "interrupted", {}, {"seed": 0})
print("open", flush=True)
time.sleep(60)
"""


@pytest.fixture
def store(project) -> MlflowClient:
    return MlflowClient(f"sqlite:///{project / 'mlflow.db'}")


@pytest.fixture
def open_run(project):
    """Open runs that are closed after the test at the latest."""
    opened = []

    def open_run(**changes) -> TrackedRun:
        arguments = {"name": "a run", "tags": {"recipe": "base"}, "parameters": {"made.training.seed": 0}}
        opened.append(TrackedRun(project, EXPERIMENT, **(arguments | changes)))
        return opened[-1]

    yield open_run
    for run in opened:
        run.close("KILLED")


def only_run(store: MlflowClient) -> Run:
    experiment = store.get_experiment_by_name(EXPERIMENT)
    (run,) = store.search_runs([experiment.experiment_id])
    return run


def test_an_open_run_is_running_with_its_name_tags_and_parameters(open_run, project, store):
    parameters = {"made.training.seed": 0, "made.training.learning_rate": 0.1, "recipe": "base", "none": None}
    run = open_run(name="base training", tags={"recipe": "base", "namespaces": "made"}, parameters=parameters)
    recorded = store.get_run(run.run_id)
    assert recorded.info.status == "RUNNING"
    assert recorded.info.run_name == "base training"
    assert {"recipe": "base", "namespaces": "made"}.items() <= recorded.data.tags.items()
    assert recorded.data.params == {key: str(value) for key, value in parameters.items()}
    assert run.uri == f"sqlite:///{project / 'mlflow.db'}"


@pytest.mark.parametrize("status", ["FINISHED", "FAILED", "KILLED"])
def test_a_run_is_closed_with_the_status_given(open_run, store, status):
    run = open_run()
    run.close(status)
    info = store.get_run(run.run_id).info
    assert info.status == status
    assert info.end_time is not None
    assert mlflow.active_run() is None


def test_closing_again_changes_nothing(open_run, store):
    run = open_run()
    run.close("FAILED")
    ended = store.get_run(run.run_id).info
    run.close("FINISHED")
    again = store.get_run(run.run_id).info
    assert (again.status, again.end_time) == ("FAILED", ended.end_time)


def test_metrics_keep_their_steps(open_run, store):
    run = open_run()
    for step, loss in ((1, 0.5), (2, 0.25)):
        run.log_metrics({"made.train_loss": loss, "made.seconds": 3.0}, step=step)
    run.log_metrics({"made.test_accuracy": 0.75})
    history = store.get_metric_history(run.run_id, "made.train_loss")
    assert [(metric.step, metric.value) for metric in history] == [(1, 0.5), (2, 0.25)]
    assert store.get_run(run.run_id).data.metrics["made.test_accuracy"] == 0.75


def test_files_and_folders_are_recorded_under_the_project(open_run, project, store, tmp_path):
    (tmp_path / "report.md").write_text("# Report\n")
    (tmp_path / "saved_model" / "variables").mkdir(parents=True)
    (tmp_path / "saved_model" / "variables" / "index").write_bytes(b"index")
    run = open_run()
    run.log_artifact(tmp_path / "report.md", "made")
    run.log_artifact(tmp_path / "saved_model", "made")
    uri = store.get_run(run.run_id).info.artifact_uri
    recorded = Path(uri.removeprefix("file://"))
    assert recorded.is_relative_to(project / "mlartifacts")
    assert (recorded / "made" / "report.md").read_text() == "# Report\n"
    assert (recorded / "made" / "variables" / "index").read_bytes() == b"index"


def test_nothing_is_written_where_the_process_happens_to_be(open_run, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    (tmp_path / "report.md").write_text("# Report\n")
    run = open_run()
    run.log_artifact(tmp_path / "report.md", "made")
    run.close("FINISHED")
    assert list(elsewhere.iterdir()) == []


def test_an_experiment_is_made_once_and_used_again(open_run, store):
    for _ in range(2):
        open_run().close("FINISHED")
    experiment = store.get_experiment_by_name(EXPERIMENT)
    assert len(store.search_runs([experiment.experiment_id])) == 2


def test_the_environment_says_where_runs_go(open_run, project, store, tmp_path, empty_store, monkeypatch):
    shutil.copy(empty_store, tmp_path / "other.db")
    uri = f"sqlite:///{tmp_path / 'other.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert tracking_uri(project) == uri
    run = open_run()
    run.close("FINISHED")
    assert run.uri == uri
    assert only_run(MlflowClient(uri)).info.run_id == run.run_id
    assert store.get_experiment_by_name(EXPERIMENT) is None


def test_each_project_of_one_process_has_its_own_store(open_run, tmp_path, empty_store):
    open_run().close("FINISHED")
    (tmp_path / "second").mkdir()
    shutil.copy(empty_store, tmp_path / "second" / "mlflow.db")
    second = TrackedRun(tmp_path / "second", EXPERIMENT, "a run", {}, {})
    second.close("FINISHED")
    assert second.uri == f"sqlite:///{tmp_path / 'second' / 'mlflow.db'}"


def test_sigterm_is_handled_while_the_run_is_open_only(open_run):
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    run = open_run()
    assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    run.close("FINISHED")
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_closed_run_leaves_nothing_to_do_at_exit(open_run, monkeypatch):
    waiting = []
    monkeypatch.setattr(module, "atexit", SimpleNamespace(register=waiting.append, unregister=waiting.remove))
    run = open_run()
    assert len(waiting) == 1
    run.close("FINISHED")
    assert waiting == []


def test_what_waits_for_the_exit_closes_an_open_run_as_killed(open_run, store, monkeypatch, caplog):
    waiting = []
    monkeypatch.setattr(module, "atexit", SimpleNamespace(register=waiting.append, unregister=waiting.remove))
    run = open_run()
    waiting[0]()
    assert store.get_run(run.run_id).info.status == "KILLED"
    assert "kedro run --only-missing-outputs" in caplog.text


def test_somebody_elses_sigterm_handler_stays(open_run):
    def handler(*_):
        """Stands for another's."""

    signal.signal(signal.SIGTERM, handler)
    run = open_run()
    assert signal.getsignal(signal.SIGTERM) is handler
    run.close("FINISHED")
    assert signal.getsignal(signal.SIGTERM) is handler


def test_sigterm_closes_the_run_as_killed(project, store):
    # MLflow does not recognize this process as a test, and would report its use.
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(project)], stdout=subprocess.PIPE, env=environment, text=True
    ) as process:
        assert process.stdout.readline() == "open\n"
        assert only_run(store).info.status == "RUNNING"
        process.terminate()
        assert process.wait(timeout=60) == 128 + signal.SIGTERM
    run = only_run(store)
    assert run.info.status == "KILLED"
    assert run.info.end_time is not None


@pytest.fixture
def away(monkeypatch):
    """A store that has just gone away, which the run does not know."""

    def refuse(*_, **__):
        raise ConnectionError("refused")

    monkeypatch.setattr(mlflow.MlflowClient, "set_terminated", refuse)


def test_a_signal_while_the_store_is_away_is_kept_for_later(project, away, monkeypatch):
    registered: list[Callable[[], None]] = []
    monkeypatch.setattr(signals, "register", registered.append)
    run = TrackedRun(project, "made", "a run", {}, {})
    (close,) = registered
    close()
    assert [type(each).__name__ for each in read_spool(run.spool_folder)[1]] == ["EndRun"]
    assert read_spool(run.spool_folder)[1][0].status == "KILLED"
    run.close("KILLED")


def test_a_run_that_is_interrupted_while_it_is_closed_is_killed(project, monkeypatch):
    def interrupt(_):
        raise signals.Interrupted(130)

    run = TrackedRun(project, "made", "a run", {}, {})
    with monkeypatch.context() as patch:
        patch.setattr(mlflow, "end_run", interrupt)
        with pytest.raises(signals.Interrupted):
            run.close("FINISHED")
    assert mlflow.MlflowClient(run.uri).get_run(run.run_id).info.status == "KILLED"


@pytest.mark.parametrize(("error", "status"), [(signals.Interrupted(130), "KILLED"), (KeyError("x"), "FAILED")])
def test_a_run_that_is_broken_off_while_it_is_opened_is_closed(project, monkeypatch, error, status):
    def fail(*_):
        raise error

    monkeypatch.setattr(module, "perform", fail)
    with pytest.raises(type(error)):
        TrackedRun(project, "made", "a run", {}, {"seed": 0})
    store = mlflow.MlflowClient(tracking_uri(project))
    (recorded,) = store.search_runs([store.get_experiment_by_name("made").experiment_id])
    assert recorded.info.status == status
    assert mlflow.active_run() is None
