import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import mlflow
import pytest
from mlflow import MlflowClient

from mnist_resnet.terminal import signals
from mnist_resnet.tracking import recorder
from mnist_resnet.tracking import tracked_run as module
from mnist_resnet.tracking.offline.spool import read_spool
from mnist_resnet.tracking.store.address import tracking_uri
from tests.tracking.recordings import EXPERIMENT, only_run, opened, record

# A process that opens a run and then waits for its end.
INTERRUPTED = """
import sys
import time
from pathlib import Path
from mnist_resnet.tracking.tracked_run import TrackedRun

TrackedRun(Path(sys.argv[1]), "squares", "interrupted", {}, {"seed": 0})
print("open", flush=True)
time.sleep(60)
"""


def test_an_open_run_is_running_with_its_name_tags_and_parameters(open_run, client, store):
    parameters = {"made.training.seed": 0, "made.training.learning_rate": 0.1, "recipe": "base", "none": None}
    run = open_run(name="base training", tags={"recipe": "base", "namespaces": "made"}, parameters=parameters)
    recorded = client.get_run(run.run_id)
    assert recorded.info.status == "RUNNING"
    assert recorded.info.run_name == "base training"
    assert {"recipe": "base", "namespaces": "made"}.items() <= recorded.data.tags.items()
    assert recorded.data.params == {key: str(value) for key, value in parameters.items()}
    assert run.uri == store


@pytest.mark.parametrize("status", ["FINISHED", "FAILED", "KILLED"])
def test_a_run_is_closed_once_with_the_status_given(open_run, client, status):
    run = open_run()
    run.close(status)
    ended = client.get_run(run.run_id).info
    assert ended.status == status
    assert ended.end_time is not None
    assert mlflow.active_run() is None
    run.close("FINISHED")
    again = client.get_run(run.run_id).info
    assert (again.status, again.end_time) == (status, ended.end_time)


def test_metrics_keep_their_steps(open_run, client):
    run = open_run()
    for step, loss in ((1, 0.5), (2, 0.25)):
        run.log_metrics({"made.train_loss": loss, "made.seconds": 3.0}, step=step)
    run.log_metrics({"made.test_accuracy": 0.75})
    history = client.get_metric_history(run.run_id, "made.train_loss")
    assert [(metric.step, metric.value) for metric in history] == [(1, 0.5), (2, 0.25)]
    assert client.get_run(run.run_id).data.metrics["made.test_accuracy"] == 0.75


def test_points_keep_their_steps_and_times_however_many_they_are(open_run, client):
    points = [("system/made", float(step), step, 1_700_000_000_000 + step) for step in range(1001)]
    run = open_run()
    run.log_points(points)
    history = client.get_metric_history(run.run_id, "system/made")
    assert sorted((point.key, point.value, point.step, point.timestamp) for point in history) == points


def test_a_run_samples_no_system_metrics_past_the_spool(open_run, client, monkeypatch):
    monkeypatch.setenv("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "true")
    open_run()
    assert [thread.name for thread in threading.enumerate() if "SystemMetrics" in thread.name] == []


def test_files_and_folders_are_recorded_under_the_project_wherever_the_process_is(
    open_run, project, client, tmp_path, monkeypatch
):
    (tmp_path / "report.md").write_text("# Report\n")
    (tmp_path / "saved_model" / "variables").mkdir(parents=True)
    (tmp_path / "saved_model" / "variables" / "index").write_bytes(b"index")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    run = open_run()
    run.log_artifact(tmp_path / "report.md", "made")
    run.log_artifact(tmp_path / "saved_model", "made")
    run.close("FINISHED")
    recorded = Path(client.get_run(run.run_id).info.artifact_uri.removeprefix("file://"))
    assert recorded.is_relative_to(project / "mlartifacts")
    assert (recorded / "made" / "report.md").read_text() == "# Report\n"
    assert (recorded / "made" / "variables" / "index").read_bytes() == b"index"
    assert list(Path.cwd().iterdir()) == []


def test_an_experiment_is_made_once_and_used_again(project, client):
    for _ in range(2):
        record(project)
    assert len(client.search_runs([client.get_experiment_by_name(EXPERIMENT).experiment_id])) == 2


def test_the_environment_says_where_runs_go(project, client, other_store, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", other_store)
    assert tracking_uri(project) == other_store
    run = record(project)
    assert run.uri == other_store
    assert only_run(other_store).info.run_id == run.run_id
    assert client.get_experiment_by_name(EXPERIMENT) is None


def test_each_project_of_one_process_has_its_own_store(project, tmp_path, empty_store):
    record(project)
    (tmp_path / "second").mkdir()
    shutil.copy(empty_store, tmp_path / "second" / "mlflow.db")
    assert record(tmp_path / "second").uri == f"sqlite:///{tmp_path / 'second' / 'mlflow.db'}"


def anothers(*_: object) -> None:
    """Stands for another's handler of signals."""


@pytest.mark.parametrize("before", [signal.SIG_DFL, anothers])
def test_sigterm_is_handled_while_the_run_is_open_unless_it_is_already(open_run, before):
    signal.signal(signal.SIGTERM, before)
    run = open_run()
    assert (signal.getsignal(signal.SIGTERM) is before) is (before is anothers)
    run.close("FINISHED")
    assert signal.getsignal(signal.SIGTERM) is before


def test_an_open_run_waits_for_the_exit_which_closes_it_as_killed(open_run, client, monkeypatch, caplog):
    waiting: list[Callable[[], None]] = []
    monkeypatch.setattr(module, "atexit", SimpleNamespace(register=waiting.append, unregister=waiting.remove))
    run = open_run()
    (close,) = waiting
    close()
    assert client.get_run(run.run_id).info.status == "KILLED"
    assert "kedro run --only-missing-outputs" in caplog.text
    assert waiting == []


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


def test_an_empty_variable_names_no_run_to_fill(open_run, monkeypatch):
    monkeypatch.setenv("MLFLOW_RUN_ID", "")
    run = open_run(offline=True)
    assert (run.filled, run.recorder.spool_folder is None) == (False, False)


def test_a_signal_while_the_store_is_away_is_kept_for_later(open_run, monkeypatch):
    def refuse(*_, **__):
        raise ConnectionError("refused")

    registered: list[Callable[[], None]] = []
    monkeypatch.setattr(signals, "register", registered.append)
    monkeypatch.setattr(MlflowClient, "set_terminated", refuse)
    run = open_run()
    (close,) = registered
    close()
    (end,) = read_spool(run.recorder.spool_folder)[1]
    assert (type(end).__name__, end.status) == ("EndRun", "KILLED")


def test_a_run_that_is_interrupted_while_it_is_closed_is_killed(open_run, client, monkeypatch):
    def interrupt(_):
        raise signals.Interrupted(130)

    run = open_run()
    with monkeypatch.context() as patch:
        patch.setattr(mlflow, "end_run", interrupt)
        with pytest.raises(signals.Interrupted):
            run.close("FINISHED")
    assert client.get_run(run.run_id).info.status == "KILLED"


@pytest.mark.parametrize(("error", "status"), [(signals.Interrupted(130), "KILLED"), (KeyError("x"), "FAILED")])
def test_a_run_that_is_broken_off_while_it_is_opened_is_closed(project, store, monkeypatch, error, status):
    def fail(*_):
        raise error

    monkeypatch.setattr(recorder, "perform", fail)
    with pytest.raises(type(error)):
        opened(project)
    assert only_run(store).info.status == status
    assert mlflow.active_run() is None
