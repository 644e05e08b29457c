"""What a sweep reads of its trials' runs in MLflow."""

import json
import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient

from mnist_resnet.sweep.children import SweepRecord, read_result


@pytest.mark.parametrize(("epochs", "plain"), [("made/epochs/", "made/"), ("made.", "made.")])
def test_figures_are_read_under_the_names_of_this_and_of_earlier_versions(
    tmp_path: Path, empty_store: Path, epochs: str, plain: str
) -> None:
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
            client.log_metric(run_id, f"{epochs}{name}", loss, step=epoch)
    client.log_metric(run_id, f"{plain}test_accuracy", 0.75)
    figures = read_result(SweepRecord(store, "sweeps", "0", ("made",)), run_id).figures["made"]
    assert (figures.losses, figures.epochs, figures.test_accuracy) == ((0.5, 0.25), 2, 0.75)
    assert (figures.validation_loss, figures.validation_accuracy) == (0.25, 0.25)
