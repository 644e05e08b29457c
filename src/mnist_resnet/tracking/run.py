"""The life of one MLflow run: opened, filled while work goes on, closed with the true status."""

import atexit
import logging
import os
import re
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from mnist_resnet import interruption
from mnist_resnet.tracking.dead_runs import close_dead_runs, process_tags
from mnist_resnet.tracking.logged_model import LoggedModel, log_model
from mnist_resnet.tracking.new_store import make_store

logger = logging.getLogger(__name__)

Status = Literal["FINISHED", "FAILED", "KILLED"]
_NOISY = ("alembic", "mlflow", "git.cmd")
# MLflow passes these on to later processes, and so to later runs of this one.
_EXPORTED = ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID")


def tracking_uri(project: Path) -> str:
    """Where runs are recorded: ``MLFLOW_TRACKING_URI``, else ``mlflow.db`` in the project's folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{project / 'mlflow.db'}"


def absolute_uri(uri: str) -> str:
    """A tracking URI that names the same place from any folder."""
    scheme = next((each for each in ("sqlite:///", "") if uri.startswith(each)), "")
    is_path = bool(scheme) or not re.match(r"[a-z+]+:|databricks|uc$", uri)
    return f"{scheme}{Path(uri.removeprefix(scheme)).absolute()}" if is_path else uri


def without_credentials(uri: str) -> str:
    """A URI as it may be shown: without user and password."""
    return re.sub(r"(?<=://)[^/]*@", "", uri)


class TrackedRun:
    """An open MLflow run.

    Args:
        project: The project's folder, which holds the default store.
        experiment: Created if there is none of that name.
        name: The run's name.
        tags: What the run is.
        parameters: Flat; values are stored as text.
    """

    def __init__(
        self, project: Path, experiment: str, name: str, tags: Mapping[str, str], parameters: Mapping[str, Any]
    ) -> None:
        import mlflow

        for logger_name in _NOISY:  # importing MLflow has set its own levels
            logging.getLogger(logger_name).setLevel(logging.WARNING)
        self._mlflow = mlflow
        self._resumable = True
        self._environment = {name: os.environ.get(name) for name in _EXPORTED}
        self.uri = tracking_uri(project)
        make_store(self.uri)
        mlflow.set_tracking_uri(self.uri)
        _select_experiment(experiment, project)
        close_dead_runs(self.uri, experiment, project)
        self.run_id: str = mlflow.start_run(run_name=name, tags={**tags, **process_tags(project)}).info.run_id
        interruption.register(self._kill)
        # MLflow's own handler, registered earlier and so called later, would mark the run FINISHED.
        atexit.register(self._interrupted)
        self._terminate = _exit_on_sigterm()
        try:
            mlflow.log_params(dict(parameters))
        except BaseException:
            self.close("FAILED")
            raise

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Record figures, with the step they belong to."""
        self._mlflow.log_metrics(dict(metrics), step=step)

    def log_artifact(self, path: Path, folder: str = "") -> None:
        """Record a file, or a folder with all it holds, in a folder of the run's artifacts."""
        log = self._mlflow.log_artifacts if path.is_dir() else self._mlflow.log_artifact
        log(str(path), folder)

    def log_model(self, model: LoggedModel) -> None:
        """Record an ONNX model that ``mlflow models serve`` answers raw images with, and nothing else."""
        log_model(model)

    def close(self, status: Status) -> None:
        """End the run; later calls do nothing."""
        if self._mlflow.active_run() is None:
            return
        self._mlflow.end_run(status)
        interruption.unregister(self._kill)
        atexit.unregister(self._interrupted)
        if self._terminate is not None:
            signal.signal(signal.SIGTERM, self._terminate)
        _restore(self._environment)

    def _kill(self) -> None:
        """Mark the run as KILLED from any thread; MLflow's own ``end_run`` knows only runs of its thread."""
        self._resumable = False  # whoever calls this has told how to go on
        self._mlflow.MlflowClient(self.uri).set_terminated(self.run_id, "KILLED")

    def _interrupted(self) -> None:
        self.close("KILLED")
        if self._resumable:
            logger.warning("Interrupted; `kedro run --only-missing-outputs` goes on from the last complete stage")


def _select_experiment(name: str, project: Path) -> None:
    import mlflow

    if mlflow.get_experiment_by_name(name) is None:
        local = mlflow.get_tracking_uri().startswith("sqlite:")
        mlflow.create_experiment(name, (project / "mlartifacts").as_uri() if local else None)
    mlflow.set_experiment(name)


def _restore(environment: Mapping[str, str | None]) -> None:
    for name, value in environment.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _exit_on_sigterm() -> Any:
    """Turn SIGTERM into an orderly exit, if nobody else handles it; returns the handler before."""
    before = signal.getsignal(signal.SIGTERM)
    if before != signal.SIG_DFL or threading.current_thread() is not threading.main_thread():
        return None
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    return before
