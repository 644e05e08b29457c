"""The life of one MLflow run: opened, filled while work goes on, closed with the true status.

A store that is away when the run is opened is an error. One that goes away later, or answers too slowly, is left alone
from then on, and the rest is kept in a spool, as is all of a run that is recorded offline.
"""

import atexit
import logging
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, TypeVar

from mnist_resnet.provenance.record import RunStatus
from mnist_resnet.terminal import signals
from mnist_resnet.tracking.logged_model import LoggedModel
from mnist_resnet.tracking.opening import describe_offline, now, open_in_store, require_no_active_run
from mnist_resnet.tracking.operations import (
    EndRun,
    LogArtifact,
    LogMetrics,
    LogModel,
    LogParameters,
    RegisterCandidate,
)
from mnist_resnet.tracking.recorder import Recorder
from mnist_resnet.tracking.store.address import tracking_uri
from mnist_resnet.tracking.store.availability import REQUEST_SECONDS, bounded_requests, is_away
from mnist_resnet.tracking.store.remedies import naming_remedies

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")
_NOISY = ("alembic", "mlflow", "git.cmd")


class TrackedRun:
    """An open MLflow run.

    Args:
        project: The project's folder, which holds the default store.
        experiment: Created if there is none of that name; None for the one that ``MLFLOW_EXPERIMENT_ID`` names.
        name: The run's name.
        tags: What the run is.
        parameters: Flat; values are stored as text.
        offline: Whether to leave the store alone and spool everything. A run that another process has opened, and named
            by ``MLFLOW_RUN_ID``, is filled where it is all the same.

    Raises:
        TrackingUnavailableError: If the store cannot be used.
        ExperimentError: If the experiment, or the run to fill, cannot be used.
        ArtifactStoreError: If the experiment's artifacts are kept where this process cannot reach.
        ActiveRunError: If another run of MLflow is active here.
    """

    def __init__(
        self,
        project: Path,
        experiment: str | None,
        name: str,
        tags: Mapping[str, str],
        parameters: Mapping[str, Any],
        offline: bool = False,
    ) -> None:
        import mlflow

        _quieten()
        created = not offline or "MLFLOW_RUN_ID" in os.environ
        if created:
            require_no_active_run()
        self.uri = tracking_uri(project)
        self._resumable = True
        self._to_undo = ExitStack()
        self._to_undo.enter_context(bounded_requests(REQUEST_SECONDS, self.uri))
        try:
            if created:
                run, client = open_in_store(self.uri, project, experiment, name, tags, self._to_undo)
            else:
                run, client = describe_offline(self.uri, experiment, name, tags), None
            self.run_id = run.run_id
            self._recorder = Recorder(project, run, client)
            self._log_first(LogParameters({key: str(value) for key, value in parameters.items()}))
        except BaseException as error:
            with suppress(Exception):
                if created:
                    mlflow.end_run("FAILED" if isinstance(error, Exception) else "KILLED")
            self._to_undo.close()
            raise
        self._is_open = True
        signals.register(self._kill)
        # MLflow's own handler, registered earlier and so called later, would mark the run FINISHED.
        atexit.register(self._interrupted)
        self._terminate = signals.exit_on_sigterm()

    @property
    def spool_folder(self) -> Path | None:
        """Where the run, or the rest of it, is kept for ``kedro sync-tracking``; None while MLflow records it."""
        return self._recorder.spool_folder

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Record figures, with the step they belong to."""
        self._recorder.record(LogMetrics({key: float(value) for key, value in metrics.items()}, step or 0, now()))

    def log_artifact(self, path: Path, folder: str = "") -> None:
        """Record a file, or a folder with all it holds, in a folder of the run's artifacts."""
        self._recorder.record(LogArtifact(path, folder))

    def log_model(self, model: LoggedModel) -> None:
        """Record an ONNX model that ``mlflow models serve`` answers raw images with, and nothing else."""
        self._recorder.record(LogModel(model))

    def register_later(self, candidate: RegisterCandidate) -> None:
        """Have ``kedro sync-tracking`` register a model, after ``ask`` has found the store away."""
        self._recorder.keep(candidate)

    def ask(self, question: Callable[[], Answer]) -> Answer | None:
        """Ask the store something; None if it is away, or has been in this run.

        Args:
            question: Asks MLflow, possibly several times to the effect of once; its answer is not None.
        """
        return self._recorder.ask(question)

    def close(self, status: RunStatus) -> None:
        """End the run; later calls do nothing."""
        if not self._is_open:
            return
        self._is_open = False
        try:
            if not self._ended_there(status):
                self._recorder.record(EndRun(status, now()))
        except (SystemExit, KeyboardInterrupt):  # MLflow has forgotten the run by now
            with suppress(Exception):
                self._kill()
            raise
        finally:
            signals.unregister(self._kill)
            self._recorder.close()
            atexit.unregister(self._interrupted)
            if self._terminate is not None:
                signal.signal(signal.SIGTERM, self._terminate)
            self._to_undo.close()

    def _log_first(self, parameters: LogParameters) -> None:
        """Record the parameters; the last chance to refuse a store."""
        with naming_remedies(self.uri):
            self._recorder.insist(parameters)

    def _ended_there(self, status: RunStatus) -> bool:
        """End MLflow's active run, if it is this one; whether the store knows."""
        import mlflow

        active = mlflow.active_run()
        if active is None or active.info.run_id != self.run_id:
            return False
        try:
            mlflow.end_run(status)
        except Exception as error:
            if not is_away(error):
                raise
            return False
        return self.spool_folder is None

    def _kill(self) -> None:
        """Mark the run as KILLED from any thread; MLflow's own ``end_run`` knows only runs of its thread."""
        self._resumable = False  # whoever calls this has told how to go on
        end = EndRun("KILLED", now())
        if self.spool_folder is not None:
            self._recorder.keep(end)
            return
        import mlflow

        try:
            mlflow.MlflowClient(self.uri).set_terminated(self.run_id, end.status)
        except Exception as error:
            if not is_away(error):
                raise
            self._recorder.give_up(end)

    def _interrupted(self) -> None:
        self.close("KILLED")
        if self._resumable:
            logger.warning("Interrupted; `kedro run --only-missing-outputs` continues after the last complete pipeline")


def _quieten() -> None:
    for name in _NOISY:  # importing MLflow has set its own levels
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # it logs tracebacks of what it raises
