"""Runs that MLflow's store does not answer, or not all of the time: nothing is lost and nothing doubled."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import mlflow
import numpy as np
import pytest
from click.testing import CliRunner
from mlflow import MlflowClient

from mnist_resnet.cli import cli
from mnist_resnet.errors import UserError
from mnist_resnet.storage.artifacts import sha256_of_bytes
from mnist_resnet.tracking import recorder as module
from mnist_resnet.tracking import registry
from mnist_resnet.tracking.logged_model import LoggedModel
from mnist_resnet.tracking.offline.spool import SPOOL_FOLDER, read_spool, spool_folders
from mnist_resnet.tracking.offline.upload import OFFLINE_RUN_ID, pending, progress_of, upload
from mnist_resnet.tracking.operations import EndRun, LogMetrics, RegisterCandidate
from mnist_resnet.tracking.run import TrackedRun, open_run
from mnist_resnet.tracking.run_lookup import find_run
from mnist_resnet.tracking.store.remedies import StoreAwayError, TrackingUnavailableError
from tests.made_model import CLASS_NAMES, bright_half, halves_model
from tests.tracking.recordings import fill, only_run, recorded
from tests.tracking.servers import Server, free_port, silent_server

EXPERIMENT = "squares"
ARGUMENTS = {"name": "a run", "tags": {"recipe": "base"}, "parameters": {"made.training.seed": 0, "none": None}}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mnist_resnet.tracking.store.availability.PATIENCE", 0.0)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")


@pytest.fixture
def model() -> LoggedModel:
    images = np.stack([bright_half("left")] * 2)
    return LoggedModel("made", halves_model(), images, CLASS_NAMES, ("CPUExecutionProvider",))


@pytest.fixture
def store(project: Path) -> str:
    return f"sqlite:///{project / 'mlflow.db'}"


@pytest.fixture
def online(tmp_path: Path, empty_store: Path, model: LoggedModel):
    """What MLflow holds of the same run if its store answers all the time."""
    (tmp_path / "online").mkdir()
    shutil.copy(empty_store, tmp_path / "online" / "mlflow.db")
    run = TrackedRun(tmp_path / "online", EXPERIMENT, **ARGUMENTS)
    fill(run, tmp_path / "made", model)
    run.close("FINISHED")
    return recorded(run.uri, EXPERIMENT)


def offline_run(project: Path, tmp_path: Path, model: LoggedModel) -> TrackedRun:
    run = TrackedRun(project, EXPERIMENT, **ARGUMENTS, offline=True)
    fill(run, tmp_path / "made", model)
    run.close("FINISHED")
    return run


def sync(project: Path, *options: str):
    """Type `kedro sync-tracking` in a project."""
    before = Path.cwd()
    os.chdir(project)
    try:
        return CliRunner().invoke(cli, ["sync-tracking", *options])
    finally:
        os.chdir(before)


def test_an_offline_run_leaves_the_store_alone(tmp_path: Path, model: LoggedModel, monkeypatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'none' / 'mlflow.db'}")
    run = offline_run(tmp_path, tmp_path, model)
    assert not (tmp_path / "none").exists()
    assert run.spool_folder == tmp_path / SPOOL_FOLDER / run.run_id
    assert "MLFLOW_HTTP_REQUEST_TIMEOUT" not in os.environ


def test_an_offline_run_is_sent_as_it_would_have_been_recorded(project, store, tmp_path, model, online) -> None:
    run = offline_run(project, tmp_path, model)
    ended = sync(project)
    assert ended.exit_code == 0, ended.output
    assert run.run_id[:8] in ended.output
    sent = recorded(store, EXPERIMENT)
    assert sent["tags"].pop(OFFLINE_RUN_ID) == run.run_id
    assert sent == online
    assert spool_folders(project) == []
    assert list((project / SPOOL_FOLDER).iterdir()) == []
    info = only_run(store, EXPERIMENT).info
    assert info.run_id in ended.output
    assert find_run(run.run_id, store).run_id == info.run_id
    assert find_run(run.run_id[:10], store).run_id == info.run_id
    assert sync(project).output == "Nothing to send\n"


def test_times_are_those_of_the_run_not_of_the_upload(project, store, tmp_path, model) -> None:
    run = offline_run(project, tmp_path, model)
    described, operations = read_spool(run.spool_folder)
    measured = next(each.timestamp for each in operations if isinstance(each, LogMetrics))
    (end,) = [each for each in operations if isinstance(each, EndRun)]
    sync(project)
    info = only_run(store, EXPERIMENT).info
    assert (info.start_time, info.end_time) == (described.started, end.time)
    history = MlflowClient(store).get_metric_history(info.run_id, "made.train_loss")
    assert history[0].timestamp == measured


def test_an_upload_that_is_broken_off_anywhere_is_completed_by_the_next(project, store, tmp_path, model, online):
    offline_run(project, tmp_path, model)
    (folder,) = spool_folders(project)
    total = len(pending(folder, project).operations)
    for reached in range(1, total + 1):
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
    assert sync(project).exit_code == 0
    sent = recorded(store, EXPERIMENT)
    del sent["tags"][OFFLINE_RUN_ID]
    assert sent == online


@pytest.mark.parametrize(
    ("step", "applied"),
    [
        ("create_logged_model", True),
        ("log_outputs", True),
        ("log_model_artifacts", False),
        ("finalize_logged_model", True),
    ],
)
def test_a_model_whose_upload_breaks_off_is_there_once(
    project, store, tmp_path, model, online, monkeypatch, step, applied
) -> None:
    offline_run(project, tmp_path, model)
    (folder,) = spool_folders(project)
    whole = getattr(MlflowClient, step)

    def lost(self, *arguments, **named):
        if applied:
            whole(self, *arguments, **named)
        raise ConnectionResetError

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, step, lost)
        with pytest.raises(StoreAwayError):
            upload(pending(folder, project), project, lambda _: None)
    upload(pending(folder, project), project, lambda _: None)
    sent = recorded(store, EXPERIMENT)
    del sent["tags"][OFFLINE_RUN_ID]
    assert sent == online


def test_a_run_that_is_created_twice_is_left_once(project, store, tmp_path, model) -> None:
    run = offline_run(project, tmp_path, model)
    client = MlflowClient(store)
    experiment = client.create_experiment(EXPERIMENT, (project / "mlartifacts").as_uri())
    for _ in range(2):
        client.create_run(experiment, tags={OFFLINE_RUN_ID: run.run_id})
    assert sync(project).exit_code == 0
    assert only_run(store, EXPERIMENT).info.status == "FINISHED"


def lose(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Let the store be away from a number of recorded things on."""
    whole, done = module.perform, []

    def perform(*arguments):
        done.append(None)
        if len(done) > after:
            raise ConnectionResetError("http://somebody:hunter2@there: reset")
        return whole(*arguments)

    monkeypatch.setattr(module, "perform", perform)


@pytest.mark.parametrize("after", [1, 4, 6])
def test_what_a_run_could_not_record_is_sent_later(
    project, store, tmp_path, model, online, monkeypatch, caplog, after
) -> None:
    with monkeypatch.context() as patch:
        lose(patch, after)
        run = TrackedRun(project, EXPERIMENT, **ARGUMENTS)
        fill(run, tmp_path / "made", model)
        run.close("FINISHED")
    (warned,) = [each for each in caplog.messages if "does not answer any more" in each]
    assert f"{SPOOL_FOLDER}/{run.run_id}" in warned
    assert "kedro sync-tracking" in warned
    assert "hunter2" not in warned
    assert open_run() is None
    assert mlflow.active_run() is None
    ended = sync(project)
    assert ended.exit_code == 0, ended.output
    assert f"the rest of run {run.run_id[:8]}" in ended.output
    assert recorded(store, EXPERIMENT) == online
    assert only_run(store, EXPERIMENT).info.run_id == run.run_id
    assert spool_folders(project) == []


def test_a_slow_store_is_left_after_a_while(project, store, tmp_path, model, online, monkeypatch, caplog) -> None:
    monkeypatch.setattr(module, "_SECONDS_OF_WAITING", -1.0)
    run = TrackedRun(project, EXPERIMENT, **ARGUMENTS)
    fill(run, tmp_path / "made", model)
    run.close("FINISHED")
    assert [each for each in caplog.messages if "is slow: the run has waited" in each]
    assert len(read_spool(run.spool_folder)[1]) == 6  # all but the first figures
    assert sync(project).exit_code == 0
    assert recorded(store, EXPERIMENT) == online


def test_a_run_whose_end_is_recorded_slowly_leaves_nothing_to_send(project, store, monkeypatch) -> None:
    run = TrackedRun(project, EXPERIMENT, **ARGUMENTS)
    mlflow.end_run("KILLED")  # as if the store had not taken the first word of it
    monkeypatch.setattr(module, "_SECONDS_OF_WAITING", -1.0)
    run.close("FINISHED")
    assert spool_folders(project) == []
    assert only_run(store, EXPERIMENT).info.status == "FINISHED"


def test_a_wrong_value_is_no_reason_to_leave_the_store(project, store) -> None:
    run = TrackedRun(project, EXPERIMENT, **ARGUMENTS)
    with pytest.raises(mlflow.exceptions.MlflowException, match="Invalid"):
        run.log_metrics({"no\nname": 1.0})
    run.close("FAILED")
    assert spool_folders(project) == []


@pytest.mark.parametrize("silent", [False, True])
def test_a_server_that_is_away_at_the_start_is_refused(tmp_path, monkeypatch, silent) -> None:
    monkeypatch.setattr("mnist_resnet.tracking.run.REQUEST_SECONDS", 1)
    with silent_server() as stalling:
        address = stalling if silent else f"http://127.0.0.1:{free_port()}"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address.replace("//", "//somebody:hunter2@"))
        with pytest.raises(TrackingUnavailableError, match=f"^MLflow's store {address} cannot be used") as refused:
            TrackedRun(tmp_path, EXPERIMENT, **ARGUMENTS)
    assert isinstance(refused.value, UserError)
    for words in ("Start its server", "MLFLOW_TRACKING_URI", "tracking.offline=true", "kedro sync-tracking"):
        assert words in str(refused.value)
    assert "hunter2" not in str(refused.value)
    assert open_run() is None
    assert not (tmp_path / SPOOL_FOLDER).exists()
    assert "MLFLOW_HTTP_REQUEST_TIMEOUT" not in os.environ


def test_a_damaged_database_is_refused_at_the_start(project) -> None:
    (project / "mlflow.db").write_bytes(b"no database" * 1000)
    with pytest.raises(TrackingUnavailableError, match=r"mlflow\.db cannot be used: .*not a database"):
        TrackedRun(project, EXPERIMENT, **ARGUMENTS)


def test_an_upload_to_a_server_that_is_away_says_so_and_keeps_everything(project, tmp_path, model, monkeypatch) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address.replace("//", "//somebody:hunter2@"))
    for _ in range(2):
        offline_run(project, tmp_path, model)
    before = {folder: read_spool(folder)[0] for folder in spool_folders(project)}
    ended = sync(project)
    assert ended.exit_code == 1
    assert ended.output.count(f"{address} cannot be used") == 1
    assert "see above" in ended.output
    assert "hunter2" not in ended.output
    assert "hunter2" not in "".join(file.read_text() for file in project.rglob("journal.jsonl"))
    assert {folder: read_spool(folder)[0] for folder in spool_folders(project)} == before


def test_a_run_goes_to_the_store_it_was_meant_for_unless_another_is_named(
    project, store, tmp_path, empty_store, model, monkeypatch
) -> None:
    for name in ("meant", "named"):
        shutil.copy(empty_store, tmp_path / f"{name}.db")
    meant, named = (f"sqlite:///{tmp_path / name}.db" for name in ("meant", "named"))
    for options, expected in (((), meant), (("--tracking-uri", named), named)):
        with monkeypatch.context() as patch:
            patch.setenv("MLFLOW_TRACKING_URI", meant)
            run = offline_run(project, tmp_path, model)
        assert sync(project, *options).exit_code == 0
        assert find_run(run.run_id, expected).status == "FINISHED"


def test_the_rest_of_a_run_is_refused_where_the_run_is_not(project, tmp_path, empty_store, model, monkeypatch) -> None:
    with monkeypatch.context() as patch:
        lose(patch, 1)
        run = TrackedRun(project, EXPERIMENT, **ARGUMENTS)
        fill(run, tmp_path / "made", model)
        run.close("FINISHED")
    shutil.copy(empty_store, tmp_path / "other.db")
    ended = sync(project, "--tracking-uri", f"sqlite:///{tmp_path / 'other.db'}")
    assert ended.exit_code == 1
    assert f"Run with id={run.run_id} not found" in ended.output
    assert f"meant for {run.uri}" in ended.output
    assert len(spool_folders(project)) == 1


def test_a_dry_run_only_lists(project, store, tmp_path, model) -> None:
    run = offline_run(project, tmp_path, model)
    ended = sync(project, "--dry-run")
    assert ended.exit_code == 0
    assert f"run {run.run_id[:8]} (a run): 8 records, for {store}" in ended.output
    assert MlflowClient(store).get_experiment_by_name(EXPERIMENT) is None


def test_a_damaged_spool_is_named_and_the_others_are_sent(project, store, tmp_path, model) -> None:
    damaged = offline_run(project, tmp_path, model).spool_folder
    (damaged / "journal.jsonl").write_text("{}\n")
    offline_run(project, tmp_path, model)
    ended = sync(project)
    assert ended.exit_code == 1
    assert f"Error: {damaged} cannot be read" in ended.output
    assert spool_folders(project) == [damaged]
    assert only_run(store, EXPERIMENT).info.status == "FINISHED"


# A process that records some of a run offline, and waits.
OFFLINE = """
import sys, time
from pathlib import Path
from mnist_resnet.tracking.run import TrackedRun

run = TrackedRun(Path(sys.argv[1]), "squares", "a run", {}, {"seed": 0}, offline=True)
run.log_metrics({"loss": 0.5}, step=1)
print(run.run_id, flush=True)
time.sleep(60)
"""


def test_a_killed_run_is_sent_as_killed_but_not_while_it_lives(project, store) -> None:
    with subprocess.Popen([sys.executable, "-c", OFFLINE, str(project)], stdout=subprocess.PIPE, text=True) as process:
        run_id = process.stdout.readline().strip()
        ended = sync(project)
        assert (ended.exit_code, "skipped" in ended.output) == (0, True)
        assert MlflowClient(store).get_experiment_by_name(EXPERIMENT) is None
        process.send_signal(signal.SIGKILL)
    assert sync(project).exit_code == 0
    run = only_run(store, EXPERIMENT)
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
    run = TrackedRun(project, EXPERIMENT, **ARGUMENTS, offline=True)
    fill(run, tmp_path / "made", model)
    run.close("FINISHED")
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    server = Server(tmp_path)
    server.start()
    for records in (1, 2, 4):
        command = [sys.executable, "-c", KILLED_SYNC, str(records), "--tracking-uri", server.uri]
        assert subprocess.run(command, cwd=project, check=False).returncode == -signal.SIGKILL
    assert progress_of(run.spool_folder).sent == 1 + 3  # the second and the third noted these
    server.kill()
    assert sync(project, "--tracking-uri", server.uri).exit_code == 1
    server.start()
    assert sync(project, "--tracking-uri", server.uri).exit_code == 0
    sent = recorded(server.uri, EXPERIMENT)
    server.kill()
    del sent["tags"][OFFLINE_RUN_ID]
    assert sent == online


def candidate(model: LoggedModel, evaluated: int) -> RegisterCandidate:
    return RegisterCandidate("made", sha256_of_bytes(model.content), {"validation_accuracy": "0.5"}, evaluated)


def test_a_model_is_registered_once_and_as_candidate_unless_a_later_one_is(project, store, tmp_path, model) -> None:
    run = TrackedRun(project, EXPERIMENT, **ARGUMENTS, offline=True)
    run.log_model(model)
    assert run.ask(lambda: "here") is None
    run.register_later(candidate(model, evaluated=2000))
    run.close("FINISHED")
    later = LoggedModel(model.name, halves_model({"later": ""}), model.input_example, CLASS_NAMES, model.providers)
    present = TrackedRun(project, EXPERIMENT, **ARGUMENTS)
    present.log_model(later)
    assert registry.register_candidate(*vars(candidate(later, evaluated=3000)).values()) == "1"
    present.close("FINISHED")
    assert sync(project).exit_code == 0
    client = MlflowClient(store)
    assert str(client.get_model_version_by_alias("made", "candidate").version) == "1"
    assert len(client.search_model_versions("name = 'made'")) == 2


def test_a_candidate_of_later_evaluation_takes_over(project, store, tmp_path, model) -> None:
    for evaluated, content in ((1000, model.content), (2000, halves_model({"later": ""}))):
        run = TrackedRun(project, EXPERIMENT, **ARGUMENTS, offline=True)
        logged = LoggedModel(model.name, content, model.input_example, CLASS_NAMES, model.providers)
        run.log_model(logged)
        run.register_later(candidate(logged, evaluated))
        run.close("FINISHED")
    assert sync(project).exit_code == 0
    version = MlflowClient(store).get_model_version_by_alias("made", "candidate")
    assert (str(version.version), version.tags["evaluated"]) == ("2", "2000")


def sync_elsewhere(project: Path) -> None:
    """Type `kedro sync-tracking` in a project, in a process that knows nothing of its former folder."""
    program = "from mnist_resnet.cli import cli; cli(['sync-tracking'])"
    ended = subprocess.run([sys.executable, "-c", program], cwd=project, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.slow
def test_a_run_that_was_kept_in_a_project_that_has_moved_goes_to_its_store(project, tmp_path, model, online) -> None:
    run = offline_run(project, tmp_path, model)
    moved = project.rename(tmp_path / "moved")
    sync_elsewhere(moved)
    sent = recorded(f"sqlite:///{moved / 'mlflow.db'}", EXPERIMENT)
    assert sent["tags"].pop(OFFLINE_RUN_ID) == run.run_id
    assert sent == online
    assert not project.exists()


@pytest.mark.landing
def test_the_rest_of_a_run_goes_to_the_store_of_a_project_that_has_moved(project, tmp_path, model, monkeypatch) -> None:
    with monkeypatch.context() as patch:
        lose(patch, 1)
        run = TrackedRun(project, EXPERIMENT, **ARGUMENTS)
        fill(run, tmp_path / "made", model)
        run.close("FINISHED")
    moved = project.rename(tmp_path / "moved")
    sync_elsewhere(moved)
    assert (moved / "mlartifacts" / run.run_id / "artifacts" / "made" / "report.md").is_file()
    assert only_run(f"sqlite:///{moved / 'mlflow.db'}", EXPERIMENT).info.status == "FINISHED"
    assert not project.exists()
