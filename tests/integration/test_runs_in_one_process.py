"""Runs of one process after one another, and with data sets loaded and saved in threads."""

import gc
import shutil
from pathlib import Path
from typing import Any

import pytest
from kedro.runner import ThreadRunner

from mnist_resnet.comparison.finished_runs import compare_recorded, finished_record
from mnist_resnet.comparison.level import Level, Tolerances
from mnist_resnet.data.fetch import FetchError
from mnist_resnet.hooks.freshness import StaleInputError
from mnist_resnet.hooks.running_thread import RunnerError
from mnist_resnet.provenance.steps import STEPS
from mnist_resnet.tracking.run_lookup import find_run
from tests.conftest import MadeData
from tests.integration.conftest import Project

pytestmark = pytest.mark.integration


def recorded(project: Project) -> list[str]:
    """The ids of all recorded runs, the latest first."""
    return [run.info.run_id for run in project.runs()]


def test_another_runner_is_refused_before_mlflow_hears_of_it(squares: Project, tmp_path: Path) -> None:
    with pytest.raises(RunnerError, match="received ThreadRunner"):
        squares.run(pipeline_names=["data"], namespaces=["squares"], runner=ThreadRunner())
    assert recorded(squares) == []
    assert not (tmp_path / "data").exists()
    squares.run(pipeline_names=["data"], namespaces=["squares"])
    assert len(recorded(squares)) == 1


def test_python_looks_for_garbage_after_a_run_as_before_it(squares: Project) -> None:
    before = gc.get_threshold()
    squares.run(pipeline_names=["data"], namespaces=["squares"])
    assert gc.get_threshold() == before


@pytest.mark.slow
def test_the_option_async_gives_the_sequential_record_of_all_stages(squares: Project) -> None:
    for options in ((), ("--async",)):
        ended = squares.kedro("run", "--namespaces", "squares", *options)
        assert ended.returncode == 0, ended.stderr
    compared = squares.kedro("compare", *recorded(squares), "--at-least", "BITWISE")
    assert compared.returncode == 0, compared.stdout + compared.stderr
    assert "BITWISE" in compared.stdout


def test_a_run_that_two_processes_fill_has_the_record_of_one(squares: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = {"pipeline_names": ["training"], "namespaces": ["squares"]}
    squares.run({"tracking": {"experiment": "alone"}}, **whole)
    (alone,) = recorded(squares)
    shutil.rmtree(squares.folder / "data")
    filled = squares.client.create_run(squares.client.create_experiment("filled")).info.run_id
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "filled")
    monkeypatch.setenv("MLFLOW_RUN_ID", filled)
    squares.run(pipeline_names=["data", "train"], namespaces=["squares"])
    squares.client.update_run(filled, "RUNNING")
    monkeypatch.setenv("MLFLOW_RUN_ID", filled)
    squares.run(**whole, only_missing_outputs=True)
    compared = compare_recorded(alone, filled, squares.store, Tolerances())
    assert compared.verdict.level == Level.BITWISE
    records = [finished_record(find_run(each, squares.store)) for each in (alone, filled)]
    assert [[*record.namespaces["squares"]] for record in records] == [list(STEPS)] * 2
    assert records[0].precision == records[1].precision
    assert records[0].training_devices == records[1].training_devices


@pytest.mark.slow
def test_a_run_after_others_of_its_process_has_nothing_of_them(squares: Project, made_data: MadeData) -> None:
    stages = {"pipeline_names": ["data", "train"], "namespaces": ["squares"]}
    chosen = {"squares": {"training": {"epochs": 1, "seed": 7}}}
    others = {"squares": {"data": {"validation_fraction": 0.4}, "training": {"epochs": 3, "learning_rate": 0.01}}}
    squares.run(chosen, **stages)
    squares.run(others, env="smoke", **stages)
    _fail(squares, made_data, others)
    with pytest.raises(StaleInputError, match=r"mnist\.train_images"):
        squares.run(others, env="smoke", pipeline_names=["train"], namespaces=["mnist"])
    squares.run(chosen, **stages)
    again, failed, _, first = recorded(squares)
    store = squares.store
    assert compare_recorded(first, again, store, Tolerances()).verdict.level == Level.BITWISE
    record = finished_record(find_run(again, store))
    assert (record.run.env, record.run.runtime_params) == (None, chosen)
    assert record.run.pipeline_names == ("data", "train")
    assert record.parameters.keys() == {"recipe", "datasets", "squares"}
    assert record.parameters == finished_record(find_run(first, store)).parameters
    assert (record.namespaces.keys(), record.namespaces["squares"]["epochs"].keys()) == ({"squares"}, {"1"})
    client = squares.client
    runs = [client.get_run(run_id) for run_id in (again, failed, first)]
    assert [run.info.status for run in runs] == ["FINISHED", "FAILED", "FINISHED"]
    assert runs[0].data.params == runs[2].data.params
    assert runs[0].data.metrics.keys() == runs[2].data.metrics.keys()
    history = client.get_metric_history(again, "squares/epochs/train_loss")
    assert [(each.step, each.value) for each in history] == [(1, runs[0].data.metrics["squares/epochs/train_loss"])]


def _fail(project: Project, made_data: MadeData, params: dict[str, Any]) -> None:
    """A run that ends within its first node, and leaves the mirror as it was."""
    kept = project.folder / "data" / "01_raw" / "squares"
    for folder in (kept, project.folder / "mirror" / "squares"):
        for file in folder.iterdir():
            file.unlink()
    with pytest.raises(FetchError):
        project.run(params, env="smoke", pipeline_names=["data"], namespaces=["squares"])
    made_data.write(project.folder / "mirror" / "squares")
