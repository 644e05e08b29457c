import shutil
import subprocess
import sys
import time
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient

from mnist_resnet.storage.artifacts import sha256_of_bytes
from mnist_resnet.tracking import registry
from mnist_resnet.tracking.dead_runs import LOCK, locked_while_open
from mnist_resnet.tracking.model_lookup import read_recorded_onnx
from mnist_resnet.tracking.run_lookup import find_run
from mnist_resnet.tracking.store.address import artifacts_uri, sqlite_uri
from mnist_resnet.tracking.store.database import StoreMissingError, make_store, present_store
from mnist_resnet.tracking.store.relocation import RelocationError, follow_project
from tests.tracking.recordings import EXPERIMENT, record
from tests.tracking.stores import addresses, held

MAKING = """
import sys
import mlflow.store.tracking.sqlalchemy_store
from mnist_resnet.tracking.store.database import make_store

print("begun", flush=True)
make_store(sys.argv[1])
"""
PROBABILITIES = "made/test_probabilities.npy"


def start(uri) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-W", "ignore", "-c", MAKING, uri], stdout=subprocess.PIPE, text=True)


@pytest.fixture
def absent(tmp_path) -> str:
    """The tracking URI of a store that is not there yet."""
    return f"sqlite:///{tmp_path / 'absent' / 'mlflow.db'}"


def test_a_store_is_made_once_and_nothing_beside_it(absent, tmp_path):
    make_store(absent)
    assert [path.name for path in (tmp_path / "absent").iterdir()] == ["mlflow.db"]
    client = MlflowClient(absent)
    client.create_experiment(EXPERIMENT)
    make_store(absent)
    assert client.get_experiment_by_name(EXPERIMENT) is not None


@pytest.mark.parametrize(
    "uri", ["http://127.0.0.1:1", "sqlite://", "sqlite:///:memory:", "mlruns", "sqlite:///x.db?timeout=60"]
)
def test_other_stores_and_addresses_with_options_are_left_to_mlflow(uri, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_store(uri)
    assert list(tmp_path.iterdir()) == []


def test_where_there_are_no_links_a_store_is_made_all_the_same(absent, monkeypatch):
    def refuse(*_):
        raise PermissionError("no links here")

    monkeypatch.setattr("os.link", refuse)
    make_store(absent)
    assert [each.name for each in MlflowClient(absent).search_experiments()] == ["Default"]


@pytest.mark.slow
@pytest.mark.parametrize("part", [0.2, 0.4, 0.6, 0.8])
def test_after_a_kill_the_next_process_makes_a_whole_one(absent, tmp_path, part):
    with start(absent) as process:
        process.stdout.readline()
        while not list(tmp_path.glob("absent/.mlflow.db.*/mlflow.db")):
            time.sleep(0.001)
        (half,) = tmp_path.glob("absent/.mlflow.db.*/mlflow.db")
        while half.exists() and half.stat().st_size < part * 800_000:  # of about 880,000 bytes in the end
            time.sleep(0.001)
        process.kill()
    assert not (tmp_path / "absent" / "mlflow.db").exists()
    make_store(absent)
    assert len(MlflowClient(absent).search_experiments()) == 1


@pytest.mark.slow
def test_processes_that_make_it_at_once_use_the_same_one(absent):
    processes = [start(absent) for _ in range(3)]
    assert [process.wait(300) for process in processes] == [0, 0, 0]
    for process in processes:
        process.stdout.close()
    assert len(MlflowClient(absent).search_experiments()) == 1


def record_here(project: Path) -> str:
    """The identifier of a run of a project with one file."""
    return record(project, {PROBABILITIES: b"probabilities"}).run_id


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "mlflow.db")


def assert_all_here(project: Path) -> None:
    """All that the store of a project says of places is in the project."""
    assert all(each.startswith(artifacts_uri(project)) for each in addresses(project / "mlflow.db"))


@pytest.mark.parametrize("name", ["renamed", "50 % of #1? é", "deeper/down"])
def test_runs_models_and_champion_of_a_moved_project_are_had_as_before(project, tmp_path, model, name):
    run_id = record_here(project)
    logged_in = record(project, model=model).run_id
    mlflow.set_tracking_uri(sqlite_uri(project / "mlflow.db"))
    candidate = registry.RegisterCandidate("made", sha256_of_bytes(model.content), {}, evaluated=1)
    registry.set_champion("made", str(registry.register_candidate(candidate, mlflow.MlflowClient(), logged_in)))
    moved = tmp_path / name
    moved.parent.mkdir(exist_ok=True)
    project.rename(moved)
    assert read_recorded_onnx("models:/made@champion", moved) == model.content
    assert_all_here(moved)
    run = find_run(run_id, present_store(moved))
    read = mlflow.artifacts.download_artifacts(run_id=run.run_id, artifact_path=PROBABILITIES)
    assert Path(read).read_bytes() == b"probabilities"
    # The next run registers the same model as the same version, and comes here.
    mlflow.set_tracking_uri(present_store(moved))
    registered = registry.register_candidate(candidate, mlflow.MlflowClient(), logged_in)
    assert registry.champion_version("made") == registered == "1"
    assert list(moved.glob(f"mlartifacts/{record_here(moved)}/artifacts/made/*.npy"))
    assert not project.exists()


def test_a_copy_leaves_the_original_alone(project, tmp_path):
    record_here(project)
    copy = shutil.copytree(project, tmp_path / "copy")
    before = files(project)
    record_here(copy)
    assert files(project) == before
    assert_all_here(copy)
    record_here(project)
    assert_all_here(project)


def test_new_runs_come_here_where_the_former_folder_is_gone_with_its_artifacts(project, tmp_path):
    record_here(project)
    shutil.rmtree(project / "mlartifacts")
    moved = project.rename(tmp_path / "renamed")
    record_here(moved)
    assert len(files(moved)) == 1
    assert not project.exists()


@pytest.mark.parametrize(("folder", "status"), [("project", "FAILED"), ("elsewhere", "RUNNING")])
def test_a_run_that_was_open_when_the_folder_was_moved_is_closed_if_its_process_has_died(
    project, tmp_path, folder, status
):
    record_here(project)
    client = MlflowClient(sqlite_uri(project / "mlflow.db"))
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    with locked_while_open(tmp_path / folder) as lock:
        run_id = client.create_run(experiment, tags=lock).info.run_id
        file = Path(lock[LOCK].partition(":")[2])
        moved = project.rename(tmp_path / "renamed")
        record_here(moved)
        present = MlflowClient(sqlite_uri(moved / "mlflow.db"))
        assert present.get_run(run_id).info.status == "RUNNING"
    if folder == "project":  # where the lock of a killed process leaves its file
        (moved / file.relative_to(project)).touch()
    record_here(moved)
    assert present.get_run(run_id).info.status == status


def test_another_project_that_records_in_this_store_keeps_its_artifacts(project, store, tmp_path, monkeypatch):
    other = tmp_path / "other"
    other.mkdir()
    with monkeypatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", store)
        run = record(other, {PROBABILITIES: b""}, experiment="others")
    record_here(project)
    assert MlflowClient(store).get_run(run.run_id).info.artifact_uri.startswith(artifacts_uri(other))


def test_places_that_are_no_projects_are_left_alone(project, store, tmp_path):
    client = MlflowClient(store)
    places = {"bucket": "s3://bucket/mlartifacts", "disk": (tmp_path / "gone" / "artifacts").as_uri()}
    identifiers = {name: client.create_experiment(name, place) for name, place in places.items()}
    present_store(project)
    assert {name: client.get_experiment(each).artifact_location for name, each in identifiers.items()} == places


def test_a_project_that_is_reached_by_a_link_has_not_moved(project, tmp_path):
    record_here(project)
    before = addresses(project / "mlflow.db")
    (tmp_path / "link").symlink_to(project)
    present_store(tmp_path / "link")
    assert addresses(project / "mlflow.db") == before


@pytest.mark.parametrize("content", [None, b"", b"no database" * 100])
def test_what_is_no_store_is_left_to_mlflow(project, content):
    (project / "mlflow.db").unlink()
    if content is not None:
        (project / "mlflow.db").write_bytes(content)
    follow_project(sqlite_uri(project / "mlflow.db"), project)


def test_a_store_to_read_from_is_not_made(tmp_path):
    with pytest.raises(StoreMissingError, match=r"what\?/mlflow\.db does not exist"):
        present_store(tmp_path / "what?")
    assert not list(tmp_path.iterdir())


def test_a_folder_is_no_store(project):
    (project / "mlflow.db").unlink()
    (project / "mlflow.db").mkdir()
    with pytest.raises(StoreMissingError, match="is not a file"):
        present_store(project)


@pytest.fixture
def _impatient(monkeypatch) -> None:
    monkeypatch.setattr("mnist_resnet.tracking.store.relocation.LOCK_SECONDS", 0.1)


@pytest.mark.usefixtures("_impatient")
def test_a_moved_store_that_another_process_holds_is_refused_in_a_line(project, tmp_path):
    record_here(project)
    moved = project.rename(tmp_path / "renamed")
    with held(moved / "mlflow.db"), pytest.raises(RelocationError, match=r"locked\. Wait for the process"):
        present_store(moved)
    present_store(moved)
    assert_all_here(moved)


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("read", [present_store, record])
def test_a_store_that_another_process_holds_is_not_told_to_have_moved(project, read):
    with (
        held(project / "mlflow.db"),
        pytest.raises(RelocationError, match=r"cannot be read: database is locked\. Wait for the process"),
    ):
        read(project)
