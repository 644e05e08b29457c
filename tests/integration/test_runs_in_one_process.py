"""Runs of one process after one another, and with data sets loaded and saved in threads."""

from pathlib import Path

import pytest
from kedro.runner import SequentialRunner, ThreadRunner

from mnist_resnet.hooks.runners import RunnerError
from mnist_resnet.reproduce.outcome import Level, Tolerances
from mnist_resnet.reproduce.recorded import compare_recorded
from mnist_resnet.tracking.store.address import tracking_uri
from tests.integration.conftest import Project

pytestmark = pytest.mark.integration


def recorded(project: Project) -> list[str]:
    """The ids of all recorded runs, the latest first."""
    import mlflow

    client = mlflow.MlflowClient(tracking_uri(project.folder))
    experiment = client.get_experiment_by_name("mnist_resnet")
    return [run.info.run_id for run in client.search_runs([experiment.experiment_id])] if experiment else []


def test_loading_and_saving_in_threads_gives_the_sequential_record(squares: Project) -> None:
    options = {"pipeline_names": ["data", "train"], "namespaces": ["squares"]}
    squares.run(**options)
    squares.run(**options, runner=SequentialRunner(is_async=True))
    second, first = recorded(squares)
    verdict = compare_recorded(first, second, tracking_uri(squares.folder), Tolerances())[0]
    assert verdict.level == Level.BITWISE


def test_another_runner_is_refused_before_mlflow_hears_of_it(squares: Project, tmp_path: Path) -> None:
    with pytest.raises(RunnerError, match="received ThreadRunner"):
        squares.run(pipeline_names=["data"], namespaces=["squares"], runner=ThreadRunner())
    assert recorded(squares) == []
    assert not (tmp_path / "data").exists()
    squares.run(pipeline_names=["data"], namespaces=["squares"])
    assert len(recorded(squares)) == 1
