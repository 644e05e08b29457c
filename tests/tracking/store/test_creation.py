import subprocess
import sys
import time

import pytest
from mlflow import MlflowClient

from mnist_resnet.tracking.store.database import make_store

PROGRAM = """
import sys
import mlflow.store.tracking.sqlalchemy_store
from mnist_resnet.tracking.store.database import make_store

print("begun", flush=True)
make_store(sys.argv[1])
"""


def start(uri) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-W", "ignore", "-c", PROGRAM, uri], stdout=subprocess.PIPE, text=True)


@pytest.fixture
def uri(tmp_path):
    return f"sqlite:///{tmp_path / 'project' / 'mlflow.db'}"


def test_a_store_is_made_once_and_nothing_beside_it(uri, tmp_path):
    make_store(uri)
    assert [path.name for path in (tmp_path / "project").iterdir()] == ["mlflow.db"]
    client = MlflowClient(uri)
    client.create_experiment("squares")
    make_store(uri)
    assert client.get_experiment_by_name("squares") is not None


@pytest.mark.parametrize("uri", ["http://127.0.0.1:1", "sqlite://", "sqlite:///:memory:", "mlruns"])
def test_other_stores_are_left_alone(uri, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_store(uri)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("part", [0.2, 0.4, 0.6, 0.8])
def test_after_a_kill_the_next_process_makes_a_whole_one(uri, tmp_path, part):
    with start(uri) as process:
        process.stdout.readline()
        while not list(tmp_path.glob("project/.mlflow.db.*/mlflow.db")):
            time.sleep(0.001)
        (half,) = tmp_path.glob("project/.mlflow.db.*/mlflow.db")
        while half.exists() and half.stat().st_size < part * 800_000:  # of about 880,000 bytes in the end
            time.sleep(0.001)
        process.kill()
    assert not (tmp_path / "project" / "mlflow.db").exists()
    make_store(uri)
    assert len(MlflowClient(uri).search_experiments()) == 1


@pytest.mark.slow
def test_processes_that_make_it_at_once_use_the_same_one(uri):
    processes = [start(uri) for _ in range(3)]
    assert [process.wait(300) for process in processes] == [0, 0, 0]
    for process in processes:
        process.stdout.close()
    assert len(MlflowClient(uri).search_experiments()) == 1


def test_an_address_with_options_is_left_to_mlflow(uri, tmp_path):
    make_store(f"{uri}?timeout=60")
    assert list(tmp_path.iterdir()) == []


def test_where_there_are_no_links_a_store_is_made_all_the_same(uri, monkeypatch):
    def refuse(*_):
        raise PermissionError("no links here")

    monkeypatch.setattr("os.link", refuse)
    make_store(uri)
    assert [each.name for each in MlflowClient(uri).search_experiments()] == ["Default"]
