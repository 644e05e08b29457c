import shutil
import signal
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient

from mnist_resnet.tracking.logged_model import LoggedModel
from mnist_resnet.tracking.tracked_run import TrackedRun
from tests.made_model import CLASS_NAMES, bright_half, halves_model
from tests.tracking.recordings import opened, record


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


@pytest.fixture
def store(project) -> str:
    """The tracking URI of the project's store."""
    return f"sqlite:///{project / 'mlflow.db'}"


@pytest.fixture
def client(store) -> MlflowClient:
    """MLflow's client for the project's store."""
    return MlflowClient(store)


@pytest.fixture
def open_run(project):
    """Open runs of the project, which are closed after the test at the latest."""
    runs = []

    def open_run(**changes) -> TrackedRun:
        runs.append(opened(project, **changes))
        return runs[-1]

    yield open_run
    for run in runs:
        run.close("KILLED")


@pytest.fixture
def other_store(tmp_path, empty_store) -> str:
    """The tracking URI of a store that belongs to no project."""
    return f"sqlite:///{shutil.copy(empty_store, tmp_path / 'other.db')}"


@pytest.fixture(scope="session")
def model() -> LoggedModel:
    """A model to record."""
    images = np.stack([bright_half("left")] * 2)
    return LoggedModel("made", halves_model(), images, CLASS_NAMES, ("CPUExecutionProvider",))


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory, empty_store, model) -> Path:
    """The files that MLflow keeps of the recorded model."""
    project = tmp_path_factory.mktemp("recorded")
    store = f"sqlite:///{shutil.copy(empty_store, project / 'mlflow.db')}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", store)
        record(project, model=model)
    mlflow.set_tracking_uri(None)
    (file,) = project.rglob("MLmodel")
    return file.parent
