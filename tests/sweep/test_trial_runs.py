"""What a sweep reads of its trials' runs in MLflow."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from mnist_resnet.sweep.plan import Trial
from mnist_resnet.sweep.trial_runs import SweepRecord, end_child, open_child, read_result, read_results
from mnist_resnet.tracking.dead_runs import ENDED_BECAUSE
from mnist_resnet.tracking.store import availability


def test_the_figures_of_a_trial_are_read(tmp_path: Path, empty_store: Path) -> None:
    store = f"sqlite:///{shutil.copy(empty_store, tmp_path / 'mlflow.db')}"
    client = MlflowClient(store)
    experiment = client.create_experiment("sweeps")
    tags = {
        "mlflow.parentRunId": "0",
        "sweep.trial": "1",
        "sweep.overrides": json.dumps({}),
        "sweep.outcome": "FINISHED",
    }
    run_id = client.create_run(experiment, tags=tags).info.run_id
    for epoch, loss in enumerate((0.5, 0.25), start=1):
        for name in ("train_loss", "validation_loss", "validation_accuracy"):
            client.log_metric(run_id, f"made/epochs/{name}", loss, step=epoch)
    client.log_metric(run_id, "made/test_accuracy", 0.75)
    figures = read_result(SweepRecord(store, "sweeps", "0", ("made",)), run_id).figures["made"]
    assert (figures.losses, figures.epochs, figures.test_accuracy) == ((0.5, 0.25), 2, 0.75)
    assert (figures.validation_loss, figures.validation_accuracy) == (0.25, 0.25)


def test_the_epoch_that_a_training_keeps_is_never_one_whose_loss_is_no_number(record: SweepRecord) -> None:
    client, (run_id, _) = MlflowClient(record.store), open_child(record, Trial(1, {}))
    client.log_param(run_id, "made.training.keep_best_epoch", "True")
    for epoch, loss in enumerate((float("nan"), 0.5, 0.25, 0.75), start=1):
        for name in ("train_loss", "validation_loss"):
            client.log_metric(run_id, f"made/epochs/{name}", loss, step=epoch)
    assert read_result(record, run_id).figures["made"].validation_loss == 0.25


@pytest.fixture
def record(tmp_path: Path, empty_store: Path) -> SweepRecord:
    store = f"sqlite:///{shutil.copy(empty_store, tmp_path / 'mlflow.db')}"
    MlflowClient(store).create_experiment("sweeps")
    return SweepRecord(store, "sweeps", "0", ("made",))


@pytest.mark.parametrize("lost", ["create_run", "search_runs", "set_tag", "set_terminated", "get_run"])
def test_a_store_that_is_away_for_a_moment_costs_no_trial(
    record: SweepRecord, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    whole, tries = getattr(MlflowClient, lost), []

    def lose(self: MlflowClient, *arguments: Any, **options: Any) -> Any:
        answer = whole(self, *arguments, **options)  # which is lost on its way back
        tries.append(lost)
        if len(tries) < 3:
            raise ConnectionResetError("reset")
        return answer

    monkeypatch.setattr(MlflowClient, lost, lose)
    monkeypatch.setattr(availability, "_FIRST_PAUSE", 0.001)
    run_id, seconds = open_child(record, Trial(1, {}))
    end_child(record, run_id, "FINISHED", None, seconds + 2)
    (result,) = read_results(record)
    assert result == read_result(record, run_id)
    assert (result.status, result.seconds, result.run_id) == ("FINISHED", 2.0, run_id)
    assert len(tries) == 1 if lost == "create_run" else len(tries) >= 3  # what was created is found


def test_a_trial_that_goes_on_is_said_to_have_died_no_longer(record: SweepRecord) -> None:
    client = MlflowClient(record.store)
    run_id, _ = open_child(record, Trial(1, {}))
    client.set_tag(run_id, ENDED_BECAUSE, "its process died without closing it")
    client.set_terminated(run_id, "FAILED")
    assert open_child(record, Trial(1, {}))[0] == run_id
    run = client.get_run(run_id)
    assert (run.info.status, ENDED_BECAUSE in run.data.tags) == ("RUNNING", False)
