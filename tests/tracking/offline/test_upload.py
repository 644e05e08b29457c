"""Runs that MLflow's store does not answer, or not all of the time: nothing is lost and nothing doubled."""

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import chdir
from dataclasses import replace
from pathlib import Path
from typing import Any

import click.testing
import mlflow
import pytest
from mlflow import MlflowClient

from mnist_resnet.cli import cli
from mnist_resnet.errors import UserError
from mnist_resnet.storage.artifacts import sha256_of_bytes
from mnist_resnet.tracking import recorder, registry
from mnist_resnet.tracking.logged_model import LoggedModel
from mnist_resnet.tracking.offline.spool import SPOOL_FOLDER, Spool, SpoolError, read_spool, spool_folders
from mnist_resnet.tracking.offline.upload import OFFLINE_RUN_ID, pending, progress_of, upload
from mnist_resnet.tracking.operations import EndRun, LogMetrics
from mnist_resnet.tracking.run_creation import describe_offline
from mnist_resnet.tracking.run_lookup import find_run
from mnist_resnet.tracking.store.remedies import StoreAwayError, TrackingUnavailableError
from mnist_resnet.tracking.tracked_run import TrackedRun
from tests.made_model import halves_model
from tests.tracking.recordings import EXPERIMENT, only_run, opened, record, record_each_kind, recorded
from tests.tracking.servers import Server, free_port, silent_server

# Of record_each_kind: parameters, two steps, two artifacts, a model, an input, points, figures, tags and the end.
OPERATIONS = 11


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mnist_resnet.tracking.store.availability.PATIENCE", 0.0)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")


@pytest.fixture(scope="module")
def online(tmp_path_factory: pytest.TempPathFactory, empty_store: Path, model: LoggedModel) -> dict[str, Any]:
    """What MLflow holds of the same run if its store answers all the time."""
    project = tmp_path_factory.mktemp("online")
    store = f"sqlite:///{shutil.copy(empty_store, project / 'mlflow.db')}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", store)
        record_each_kind(project, model)
        held = recorded(store)
    mlflow.set_tracking_uri(None)
    return held


def sent(store: str) -> dict[str, Any]:
    """What MLflow holds of the only run, as if it had not been recorded offline."""
    held = recorded(store)
    held["tags"].pop(OFFLINE_RUN_ID, None)
    return held


def losing_store(project: Path, model: LoggedModel, after: int) -> TrackedRun:
    """A run whose store is away from a number of recorded things on."""
    whole, done = recorder.perform, []

    def perform(*arguments):
        done.append(None)
        if len(done) > after:
            raise ConnectionResetError("http://somebody:hunter2@there: reset")
        return whole(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorder, "perform", perform)
        return record_each_kind(project, model)


def sync(project: Path, *options: str, code: int = 0) -> str:
    """What `kedro sync-tracking` prints in a project."""
    with chdir(project):
        ended = click.testing.CliRunner().invoke(cli, ["sync-tracking", *options])
    assert ended.exit_code == code, ended.output
    return ended.output


def test_an_offline_run_leaves_the_store_alone(tmp_path, model, monkeypatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'none' / 'mlflow.db'}")
    run = record_each_kind(tmp_path, model, offline=True)
    assert not (tmp_path / "none").exists()
    assert run.recorder.spool_folder == tmp_path / SPOOL_FOLDER / run.run_id
    assert "MLFLOW_HTTP_REQUEST_TIMEOUT" not in os.environ


def test_an_offline_run_is_sent_as_it_would_have_been_recorded(project, store, model, online) -> None:
    run = record_each_kind(project, model, offline=True)
    described, operations = read_spool(run.recorder.spool_folder)
    said = sync(project)
    assert sent(store) == online
    there = only_run(store)
    assert there.data.tags[OFFLINE_RUN_ID] == run.run_id
    assert run.run_id[:8] in said
    assert there.info.run_id in said
    assert list((project / SPOOL_FOLDER).iterdir()) == []
    assert {find_run(wanted, store).run_id for wanted in (run.run_id, run.run_id[:10])} == {there.info.run_id}
    assert sync(project) == "Nothing to send\n"
    # Times are those of the run, not of the upload.
    (end,) = [each for each in operations if isinstance(each, EndRun)]
    assert (there.info.start_time, there.info.end_time) == (described.started, end.time)
    measured = next(each.timestamp for each in operations if isinstance(each, LogMetrics))
    assert MlflowClient(store).get_metric_history(there.info.run_id, "made.train_loss")[0].timestamp == measured


def test_an_upload_that_is_broken_off_anywhere_is_completed_by_the_next(project, store, model, online) -> None:
    folder = record_each_kind(project, model, offline=True).recorder.spool_folder
    for reached in range(1, OPERATIONS + 1):
        done = []

        def broken(amount: float, done=done, reached=reached) -> None:
            done.append(amount)
            if sum(done) >= reached:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            upload(pending(folder, project), project, broken)
        assert progress_of(folder).sent == reached
        if reached % 2:  # as if it had been killed before it noted that
            (folder / "uploaded.json").unlink()
    sync(project)
    assert sent(store) == online


@pytest.mark.parametrize(
    ("step", "applied"),
    [
        ("create_logged_model", True),
        ("log_outputs", True),
        ("log_model_artifacts", False),
        ("finalize_logged_model", True),
    ],
)
def test_a_model_whose_upload_breaks_off_is_there_once(project, store, model, online, step, applied) -> None:
    folder = record_each_kind(project, model, offline=True).recorder.spool_folder
    whole = getattr(MlflowClient, step)

    def lost(self, *arguments, **named):
        if applied:
            whole(self, *arguments, **named)
        raise ConnectionResetError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MlflowClient, step, lost)
        with pytest.raises(StoreAwayError):
            upload(pending(folder, project), project, lambda _: None)
    sync(project)
    assert sent(store) == online


def test_a_run_that_is_created_twice_is_left_once(project, store, model) -> None:
    run = record_each_kind(project, model, offline=True)
    client = MlflowClient(store)
    experiment = client.create_experiment(EXPERIMENT, (project / "mlartifacts").as_uri())
    for _ in range(2):
        client.create_run(experiment, tags={OFFLINE_RUN_ID: run.run_id})
    sync(project)
    assert only_run(store).info.status == "FINISHED"


@pytest.mark.parametrize("after", [1, 4, 6])
def test_what_a_run_could_not_record_is_sent_later(project, store, model, online, caplog, after) -> None:
    run = losing_store(project, model, after)
    (warned,) = [each for each in caplog.messages if "does not answer any more" in each]
    assert f"{SPOOL_FOLDER}/{run.run_id}" in warned
    assert "kedro sync-tracking" in warned
    assert "hunter2" not in warned
    assert mlflow.active_run() is None
    assert f"the rest of run {run.run_id[:8]}" in sync(project)
    assert recorded(store) == online
    assert only_run(store).info.run_id == run.run_id
    assert spool_folders(project) == []


def test_a_run_goes_on_where_nothing_can_be_kept(project, model, caplog) -> None:
    (project / SPOOL_FOLDER).touch()
    run = losing_store(project, model, after=1)
    (warned,) = [each for each in caplog.messages if "goes on" in each]
    assert f"and nothing can be kept in {project / SPOOL_FOLDER}: File exists. The run goes on" in warned
    assert (run.recorder.spool_folder, run.recorder.has_left_store) == (None, True)


def test_a_slow_store_is_left_after_a_while(project, store, model, online, monkeypatch, caplog) -> None:
    monkeypatch.setattr(recorder, "SECONDS_OF_WAITING", -1.0)
    run = record_each_kind(project, model)
    assert [each for each in caplog.messages if "is slow: the run has waited" in each]
    assert (
        len(read_spool(run.recorder.spool_folder)[1]) == OPERATIONS - 2
    )  # all but the parameters and the first figures
    sync(project)
    assert recorded(store) == online


def test_a_run_whose_end_is_recorded_slowly_leaves_nothing_to_send(project, store, monkeypatch) -> None:
    run = opened(project)
    mlflow.end_run("KILLED")  # as if the store had not taken the first word of it
    monkeypatch.setattr(recorder, "SECONDS_OF_WAITING", -1.0)
    run.close("FINISHED")
    assert spool_folders(project) == []
    assert only_run(store).info.status == "FINISHED"


def test_a_wrong_value_is_no_reason_to_leave_the_store(project) -> None:
    run = opened(project)
    with pytest.raises(mlflow.exceptions.MlflowException, match="Invalid"):
        run.log_metrics({"no\nname": 1.0})
    run.close("FAILED")
    assert spool_folders(project) == []


@pytest.mark.parametrize("silent", [False, True])
def test_a_server_that_is_away_at_the_start_is_refused(tmp_path, monkeypatch, silent) -> None:
    monkeypatch.setattr("mnist_resnet.tracking.tracked_run.REQUEST_SECONDS", 1)
    with silent_server() as stalling:
        address = stalling if silent else f"http://127.0.0.1:{free_port()}"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address.replace("//", "//somebody:hunter2@"))
        with pytest.raises(TrackingUnavailableError, match=f"^MLflow's store {address} cannot be used") as refused:
            record(tmp_path)
    assert isinstance(refused.value, UserError)
    for words in ("Start its server", "MLFLOW_TRACKING_URI", "tracking.offline=true", "kedro sync-tracking"):
        assert words in str(refused.value)
    assert "hunter2" not in str(refused.value)
    assert not (tmp_path / SPOOL_FOLDER).exists()
    assert "MLFLOW_HTTP_REQUEST_TIMEOUT" not in os.environ


def test_a_damaged_database_is_refused_at_the_start(project) -> None:
    (project / "mlflow.db").write_bytes(b"no database" * 1000)
    with pytest.raises(TrackingUnavailableError, match=r"mlflow\.db cannot be used: .*not a database"):
        record(project)


def test_an_upload_to_a_server_that_is_away_says_so_and_keeps_everything(project, model, monkeypatch) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address.replace("//", "//somebody:hunter2@"))
    for _ in range(2):
        record_each_kind(project, model, offline=True)
    before = {folder: read_spool(folder)[0] for folder in spool_folders(project)}
    said = sync(project, code=1)
    assert said.count(f"{address} cannot be used") == 1
    assert "(see above)" in said
    assert "tracking.offline" not in said
    assert "hunter2" not in said + "".join(file.read_text() for file in project.rglob("journal.jsonl"))
    assert {folder: read_spool(folder)[0] for folder in spool_folders(project)} == before


@pytest.mark.parametrize("named", [False, True])
def test_a_run_goes_to_the_store_it_was_meant_for_unless_another_is_named(
    project, store, other_store, monkeypatch, named
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", store if named else other_store)
        run = record(project, offline=True)
    sync(project, *(["--tracking-uri", other_store] if named else []))
    assert find_run(run.run_id, other_store).status == "FINISHED"


def test_a_store_that_differs_by_its_query_is_another(tmp_path, monkeypatch) -> None:
    address = "postgresql://u:p@db/mlflow?options=-csearch_path=team_a"
    other, same = address.replace("team_a", "team_b"), address.replace("u:p", "v:q")
    spool = Spool(tmp_path, describe_offline(address, EXPERIMENT, True, "a run", {}))
    spool.close()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", same)
    assert pending(spool.folder, tmp_path).target == same
    monkeypatch.setenv("MLFLOW_TRACKING_URI", other)
    for named in (None, "postgresql://db/mlflow?…"):
        with pytest.raises(SpoolError, match=r"meant for postgresql://db/mlflow\?…, of which the query is not kept"):
            pending(spool.folder, tmp_path, named)
    assert pending(spool.folder, tmp_path, other).target == other
    journal = spool.folder / "journal.jsonl"
    described = json.loads(journal.read_text())
    assert described.pop("query_sha256")
    journal.write_text(json.dumps(described) + "\n")  # as earlier versions wrote it
    assert pending(spool.folder, tmp_path).target == other


def test_the_rest_of_a_run_is_refused_where_the_run_is_not(project, other_store, model) -> None:
    run = losing_store(project, model, after=1)
    said = sync(project, "--tracking-uri", other_store, code=1)
    assert f"Run with id={run.run_id} not found" in said
    assert f"meant for {run.uri}; the rest of a run goes where its beginning is; remove the folder" in said
    assert "--tracking-uri" not in said
    assert len(spool_folders(project)) == 1


def test_what_a_killed_process_has_left_of_a_spool_stands_in_no_ones_way(project, store, model) -> None:
    run = record_each_kind(project, model, offline=True)
    left = project / SPOOL_FOLDER / f".{run.run_id}.uploaded"
    left.mkdir()
    (left / "journal").touch()
    sync(project)
    assert [each.name for each in (project / SPOOL_FOLDER).iterdir() if run.run_id in each.name] == []


def test_a_dry_run_only_lists(project, store, model) -> None:
    run = record_each_kind(project, model, offline=True)
    said = sync(project, "--dry-run")
    assert f"run {run.run_id[:8]} (a run): {OPERATIONS} records, for {store}" in said
    assert MlflowClient(store).get_experiment_by_name(EXPERIMENT) is None


def test_a_damaged_spool_is_named_and_the_others_are_sent(project, store) -> None:
    damaged = record(project, offline=True).recorder.spool_folder
    (damaged / "journal.jsonl").write_text("{}\n")
    record(project, offline=True)
    assert f"Error: {damaged} cannot be read" in sync(project, code=1)
    assert spool_folders(project) == [damaged]
    assert only_run(store).info.status == "FINISHED"


# A process that records some of a run offline, and waits.
OFFLINE = """
import sys, time
from pathlib import Path
from mnist_resnet.tracking.tracked_run import TrackedRun

run = TrackedRun(Path(sys.argv[1]), "squares", "a run", {}, {"seed": 0}, offline=True)
run.log_metrics({"loss": 0.5}, step=1)
print(run.run_id, flush=True)
time.sleep(60)
"""


def test_a_killed_run_is_sent_as_killed_but_not_while_it_lives(project, store) -> None:
    with subprocess.Popen([sys.executable, "-c", OFFLINE, str(project)], stdout=subprocess.PIPE, text=True) as process:
        run_id = process.stdout.readline().strip()
        assert "skipped" in sync(project)
        assert MlflowClient(store).get_experiment_by_name(EXPERIMENT) is None
        process.send_signal(signal.SIGKILL)
    sync(project)
    run = only_run(store)
    assert (run.info.status, run.data.metrics, run.data.params) == ("KILLED", {"loss": 0.5}, {"seed": "0"})
    assert run.data.tags[OFFLINE_RUN_ID] == run_id


# An upload that is killed once it has sent some records, the last of which it has not noted yet.
KILLED_SYNC = """
import os, signal, sys
from mnist_resnet.cli.sync_tracking import sync_tracking
from mnist_resnet.tracking.offline import upload

perform, left = upload.perform, int(sys.argv.pop(1))

def perform_and_die(*arguments):
    global left
    perform(*arguments)
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return True

upload.perform = perform_and_die
sync_tracking()
"""


@pytest.mark.slow
def test_an_upload_that_is_killed_again_and_again_gives_the_same_as_one_that_is_not(
    project, tmp_path, empty_store, model, online
) -> None:
    run = record_each_kind(project, model, offline=True)
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    server = Server(tmp_path)
    server.start()
    to_server = ("--tracking-uri", server.uri)
    for records in (1, 2, 4):
        command = [sys.executable, "-c", KILLED_SYNC, str(records), *to_server]
        assert subprocess.run(command, cwd=project, check=False).returncode == -signal.SIGKILL
    assert progress_of(run.recorder.spool_folder).sent == 1 + 3  # the second and the third noted these
    server.kill()
    sync(project, *to_server, code=1)
    server.start()
    sync(project, *to_server)
    assert sent(server.uri) == online
    server.kill()


def candidate(model: LoggedModel, evaluated: int) -> registry.RegisterCandidate:
    return registry.RegisterCandidate("made", sha256_of_bytes(model.content), {"validation_accuracy": "0.5"}, evaluated)


def record_candidate(project: Path, model: LoggedModel, evaluated: int) -> None:
    """Record offline a run whose model is to be registered."""
    run = opened(project, offline=True)
    run.log_model(model)
    assert run.recorder.ask(lambda: "here") is None
    run.recorder.keep(candidate(model, evaluated))
    run.close("FINISHED")


@pytest.fixture(scope="session")
def later(model: LoggedModel) -> LoggedModel:
    """A model that was evaluated later."""
    return replace(model, content=halves_model({"later": ""}))


def test_a_model_is_registered_once_and_as_candidate_unless_a_later_one_is(project, store, model, later) -> None:
    record_candidate(project, model, evaluated=2000)
    present = opened(project)
    present.log_model(later)
    client = MlflowClient(store)
    assert registry.register_candidate(candidate(later, evaluated=3000), client, present.run_id) == "1"
    present.close("FINISHED")
    sync(project)
    assert str(client.get_model_version_by_alias("made", "candidate").version) == "1"
    assert len(client.search_model_versions("name = 'made'")) == 2


def test_a_candidate_of_later_evaluation_takes_over(project, store, model, later) -> None:
    record_candidate(project, model, evaluated=1000)
    record_candidate(project, later, evaluated=2000)
    sync(project)
    client = MlflowClient(store)
    version = client.get_model_version_by_alias("made", "candidate")
    assert (str(version.version), version.tags["evaluated"]) == ("2", "2000")
    assert client.get_run(version.run_id).data.tags["made.release"] == "candidate"


@pytest.mark.parametrize(
    "after", [pytest.param(None, marks=pytest.mark.slow), pytest.param(1, marks=pytest.mark.landing)]
)
def test_what_was_kept_in_a_project_that_has_moved_goes_to_its_store(project, tmp_path, model, online, after) -> None:
    if after is None:
        record_each_kind(project, model, offline=True)
    else:
        losing_store(project, model, after)
    moved = project.rename(tmp_path / "moved")
    # In a process that knows nothing of the former folder.
    program = "from mnist_resnet.cli import cli; cli(['sync-tracking'])"
    subprocess.run([sys.executable, "-c", program], cwd=moved, check=True)
    store = f"sqlite:///{moved / 'mlflow.db'}"
    assert sent(store) == online
    assert (moved / "mlartifacts" / only_run(store).info.run_id / "artifacts" / "made" / "report.md").is_file()
    assert not project.exists()
