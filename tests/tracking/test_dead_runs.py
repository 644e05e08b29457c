import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient

from mnist_resnet.tracking.dead_runs import ENDED_BECAUSE, LOCK, close_dead_runs, locked_while_open, moved_lock
from tests.tracking.recordings import EXPERIMENT, record

# A process that holds the lock of a run until it is killed.
HOLDER = """
import subprocess, sys
from pathlib import Path
from mnist_resnet.tracking.dead_runs import locked_while_open

with locked_while_open(Path(sys.argv[1])) as tags:
    subprocess.Popen(["sleep", "20"], stdout=subprocess.DEVNULL)  # programs that it starts do not hold it
    print(tags["lock"], flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def create_run(client):
    """Make a run that is recorded as going on; answers how it stands."""
    experiment = client.create_experiment(EXPERIMENT)

    def create_run(tags: dict[str, str], status: str = "RUNNING"):
        run_id = client.create_run(experiment, tags=tags, run_name="base training").info.run_id
        if status != "RUNNING":
            client.set_terminated(run_id, status)
        return lambda: client.get_run(run_id)

    return create_run


@pytest.fixture
def killed(project) -> dict[str, str]:
    """The tag of a process that was killed."""
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(project)], stdin=-1, stdout=-1, text=True) as process:
        tags = {LOCK: process.stdout.readline().strip()}
        process.send_signal(signal.SIGKILL)
    return tags


def file_of(tags: dict[str, str]) -> Path:
    return Path(tags[LOCK].partition(":")[2])


def test_a_run_whose_process_was_killed_is_marked_as_failed(project, client, create_run, killed, caplog):
    run = create_run(killed)
    caplog.set_level("INFO", "mnist_resnet")
    close_dead_runs(client, EXPERIMENT, project)
    info = run().info
    assert (info.status, info.end_time is not None) == ("FAILED", True)
    assert run().data.tags[ENDED_BECAUSE] == "its process died without closing it"
    assert f"Run {info.run_id[:8]} (base training) is marked as failed" in caplog.text
    assert list(file_of(killed).parent.iterdir()) == []


class SmallPages(MlflowClient):
    """A client whose searches come in pages of one run."""

    def search_runs(self, *arguments, **options):
        return super().search_runs(*arguments, **options | {"max_results": 1})


def test_all_pages_of_runs_are_looked_through(project, store, create_run, killed):
    last, first = create_run(killed), create_run({})
    close_dead_runs(SmallPages(store), EXPERIMENT, project)
    assert [run().info.status for run in (first, last)] == ["RUNNING", "FAILED"]


def test_a_run_is_left_alone_while_its_process_lives(project, client, create_run):
    with locked_while_open(project) as tags:
        run = create_run(tags)
        close_dead_runs(client, EXPERIMENT, project)
        assert run().info.status == "RUNNING"
        assert ENDED_BECAUSE not in run().data.tags
    assert list(file_of(tags).parent.iterdir()) == []


@pytest.mark.parametrize("place", ["another machine", "another container", "an earlier version", "no tag", "it ended"])
def test_of_what_is_not_seen_here_nothing_is_known_and_what_has_ended_stays(project, create_run, client, killed, place):
    host = socket.gethostname()
    tags = {
        "another machine": {LOCK: killed[LOCK].replace(f"{host}:", "elsewhere:")},
        "another container": {LOCK: killed[LOCK].replace(f"{host}:", f"{host}:/elsewhere")},
        "an earlier version": {"process": '{"host": "h", "pid": 1}'},
        "no tag": {},
        "it ended": killed,
    }
    status = "FINISHED" if place == "it ended" else "RUNNING"
    run = create_run(tags[place], status)
    close_dead_runs(client, EXPERIMENT, project)
    assert run().info.status == status
    assert ENDED_BECAUSE not in run().data.tags


@pytest.mark.parametrize(
    "place", ["thesis.docx", "tmpabcd1234", "mlspool/.running/thesis.docx", "mlspool/.running/../tmpabcd1234"]
)
@pytest.mark.parametrize("moved", [False, True])
def test_a_tag_that_names_another_file_does_nothing_to_it(project, tmp_path, client, create_run, place, moved):
    (project / "mlspool" / ".running").mkdir(parents=True)
    (project / place).write_text("all my work")
    former = tmp_path / "former" if moved else project
    run = create_run({LOCK: moved_lock(f"{socket.gethostname()}:{former / place}", former, project)})
    close_dead_runs(client, EXPERIMENT, project)
    assert ((project / place).read_text(), run().info.status) == ("all my work", "RUNNING")


def test_the_copy_of_a_project_says_nothing_of_the_runs_of_the_original(project, tmp_path, client, create_run):
    with locked_while_open(project) as tags:
        run = create_run(tags)
        shutil.copytree(project, tmp_path / "copy")
        close_dead_runs(client, EXPERIMENT, project)
        assert run().info.status == "RUNNING"
        copied = MlflowClient(f"sqlite:///{tmp_path / 'copy' / 'mlflow.db'}")
        copied.set_tag(run().info.run_id, LOCK, moved_lock(tags[LOCK], project, tmp_path / "copy"))
        close_dead_runs(copied, EXPERIMENT, tmp_path / "copy")  # nobody will close it there
    assert copied.get_run(run().info.run_id).info.status == "FAILED"


def test_the_tag_of_another_project_stays_as_it_is(project, tmp_path):
    with locked_while_open(tmp_path / "another 1 % é") as tags:
        assert moved_lock(tags[LOCK], tmp_path / "former", tmp_path) == tags[LOCK]
        moved = moved_lock(tags[LOCK], tmp_path / "another 1 % é", tmp_path / "present")
    assert file_of({LOCK: moved}) == tmp_path / "present" / "mlspool" / ".running" / file_of(tags).name


def test_without_the_experiment_there_is_nothing_to_do(client, tmp_path):
    close_dead_runs(client, "no such experiment", tmp_path)


def test_where_no_file_can_be_locked_the_run_has_no_tag(tmp_path):
    (tmp_path / "mlspool").touch()
    with locked_while_open(tmp_path) as tags:
        assert tags == {}


def test_a_run_has_a_lock_as_long_as_it_is_open_unless_another_process_has_opened_and_named_it(
    project, client, open_run, monkeypatch
):
    run = open_run()
    tags = client.get_run(run.run_id).data.tags
    assert file_of(tags).exists()
    run.close("FINISHED")
    assert not file_of(tags).exists()
    theirs = client.create_run(client.get_run(run.run_id).info.experiment_id, run_name="trial 3")
    monkeypatch.setenv("MLFLOW_RUN_ID", theirs.info.run_id)
    record(project)
    filled = client.get_run(theirs.info.run_id)
    assert (LOCK in filled.data.tags, filled.info.run_name) == (False, "trial 3")
