from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import mlflow
import pytest
from mlflow.exceptions import MlflowException

from mnist_resnet.tracking.store.experiments import select_experiment


@pytest.fixture(autouse=True)
def present_store(project) -> None:
    mlflow.set_tracking_uri(f"sqlite:///{project / 'mlflow.db'}")


def test_an_experiment_is_created_where_there_is_none(tmp_path):
    for _ in range(2):
        select_experiment("made", tmp_path)
    assert mlflow.get_experiment_by_name("made").artifact_location == (tmp_path / "mlartifacts").as_uri()


def test_two_that_create_one_experiment_at_once_both_have_it(tmp_path, monkeypatch):
    both, create = Barrier(2), mlflow.create_experiment

    def create_at_once(*arguments):
        both.wait(30)
        return create(*arguments)

    monkeypatch.setattr(mlflow, "create_experiment", create_at_once)
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda _: select_experiment("made", tmp_path), range(2)))
    assert [each.name for each in mlflow.search_experiments()].count("made") == 1


def test_an_experiment_that_cannot_be_created_is_an_error(tmp_path):
    with pytest.raises(MlflowException, match="name"):
        select_experiment("", tmp_path)
