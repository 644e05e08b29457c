import shutil
import signal
from pathlib import Path

import mlflow
import pytest


@pytest.fixture(autouse=True)
def own_tracking(monkeypatch):
    """No run stays open, and what MLflow sets for the whole process is put back."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_RUN_ID"):
        # MLflow sets these itself; setting them first makes their absence what is put back.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    handler = signal.getsignal(signal.SIGTERM)
    yield
    while mlflow.active_run() is not None:
        mlflow.end_run("KILLED")
    mlflow.set_tracking_uri(None)
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def project(tmp_path, empty_store) -> Path:
    """A project's folder with an empty store."""
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copy(empty_store, folder / "mlflow.db")
    return folder
