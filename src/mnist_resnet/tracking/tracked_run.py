"""The life of one MLflow run: opened, filled while work goes on, closed with the true status.

A store that is away when the run is opened is an error. One that goes away later, or answers too slowly, is left alone
from then on, and the rest is kept in a spool, as is all of a run that is recorded offline.
"""

import atexit
import logging
import os
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, TypeVar

from mnist_resnet.provenance.record import RunStatus
from mnist_resnet.terminal import signals
from mnist_resnet.terminal.paths import shown_path
from mnist_resnet.terminal.redaction import in_one_line
from mnist_resnet.tracking.logged_model import LoggedModel
from mnist_resnet.tracking.offline.spool import Spool
from mnist_resnet.tracking.opening import describe_offline, now, opened_in_store
from mnist_resnet.tracking.operations import (
    EndRun,
    LogArtifact,
    LogInput,
    LogMetrics,
    LogModel,
    LogParameters,
    Operation,
    SetTags,
    perform,
)
from mnist_resnet.tracking.registry import RegisterCandidate
from mnist_resnet.tracking.store.address import tracking_uri
from mnist_resnet.tracking.store.availability import REQUEST_SECONDS, bounded_requests, is_away, patiently
from mnist_resnet.tracking.store.remedies import naming_remedies

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")
# Beyond a second for each thing recorded, this is how long, in all, a slow store may hold up a run.
SECONDS_OF_WAITING = 120.0
_NOISY = ("alembic", "mlflow", "git.cmd")


class TrackedRun:
    """An open MLflow run.

    Args:
        project: The project's folder, which holds the default store and the spool.
        experiment: The name of the experiment, unless the environment names another; created if there is none.
        name: The run's name.
        tags: What the run is.
        parameters: Flat; values are stored as text.
        offline: Whether to leave the store alone and spool everything. A run that another process has opened, and named
            by ``MLFLOW_RUN_ID``, is filled where it is all the same.
        insisted: Whether the experiment goes before what the environment names.

    Raises:
        TrackingUnavailableError: If the store cannot be used.
        ExperimentError: If the experiment, or the run to fill, cannot be used.
        ArtifactStoreError: If the experiment's artifacts are kept where this process cannot reach.
        ActiveRunError: If another run of MLflow is active here.
    """

    def __init__(
        self,
        project: Path,
        experiment: str,
        name: str,
        tags: Mapping[str, str],
        parameters: Mapping[str, Any],
        offline: bool = False,
        insisted: bool = False,
    ) -> None:
        import mlflow  # noqa: F401  # sets levels of its own, which are lowered here

        for noisy in _NOISY:
            logging.getLogger(noisy).setLevel(logging.WARNING)
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # it logs tracebacks of what it raises
        self.uri, self._project = tracking_uri(project), project
        self._client: Any = None
        self._digests: dict[tuple[str, str], str] = {}
        self._spool: Spool | None = None
        self._waited, self._is_open, self._resumable = 0.0, True, True
        with ExitStack() as held:
            held.enter_context(bounded_requests(REQUEST_SECONDS, self.uri))
            if offline and "MLFLOW_RUN_ID" not in os.environ:
                self._run = describe_offline(self.uri, experiment, insisted, name, tags)
                self._spool = Spool(project, self._run)
            else:
                opened = opened_in_store(self.uri, project, experiment, insisted, name, tags)
                self._run, self._client = held.enter_context(opened)
            self.run_id = self._run.run_id
            self._log_first(LogParameters({key: str(value) for key, value in parameters.items()}))
            held.enter_context(signals.exiting_on_sigterm())
            # MLflow's own handler, registered earlier and so called later, would mark the run FINISHED.
            atexit.register(self._interrupted)
            held.callback(atexit.unregister, self._interrupted)
            signals.register(self._kill)
            held.callback(signals.unregister, self._kill)
            self._held = held.pop_all()

    @property
    def spool_folder(self) -> Path | None:
        """Where the run, or the rest of it, is kept for ``kedro sync-tracking``; None while MLflow records it."""
        return self._spool.folder if self._spool else None

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Record figures, with the step they belong to."""
        self._record(LogMetrics({key: float(value) for key, value in metrics.items()}, step or 0, now()))

    def log_input(self, part: LogInput) -> None:
        """Record a part of a data set that the run works on."""
        self._digests[part.name, part.context] = part.digest
        self._record(part)

    def log_figures(self, metrics: Mapping[str, float], onnx_sha256: str, dataset: str, context: str) -> None:
        """Record figures of a recorded model on a part of a data set that has been logged, as inputs name it."""
        values = {key: float(value) for key, value in metrics.items()}
        digest = self._digests.get((dataset, context), "")
        self._record(LogMetrics(values, 0, now(), onnx_sha256, dataset if digest else "", digest))

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Say more of what the run is."""
        self._record(SetTags(tags))

    def log_artifact(self, path: Path, folder: str = "") -> None:
        """Record a file, or a folder with all it holds, in a folder of the run's artifacts."""
        self._record(LogArtifact(path, folder))

    def log_model(self, model: LoggedModel) -> None:
        """Record an ONNX model that ``mlflow models serve`` answers raw images with, and nothing else."""
        self._record(LogModel(model))

    def register_later(self, candidate: RegisterCandidate) -> None:
        """Have ``kedro sync-tracking`` register a model, after ``ask`` has found the store away."""
        self._keep(candidate)

    def ask(self, question: Callable[[], Answer]) -> Answer | None:
        """Ask the store something; None if it is away, or has been in this run.

        Args:
            question: Asks MLflow, possibly several times to the effect of once; its answer is not None.
        """
        if self._spool is not None:
            return None
        try:
            return patiently(question)
        except Exception as error:
            if not is_away(error):
                raise
            self._leave_store(f"does not answer any more ({in_one_line(error)})")
            return None

    def close(self, status: RunStatus) -> None:
        """End the run; later calls do nothing."""
        if not self._is_open:
            return
        self._is_open = False
        try:
            self._end(status)
        except (SystemExit, KeyboardInterrupt):  # MLflow has forgotten the run by now
            with suppress(Exception):
                self._kill()
            raise
        finally:
            if self._spool is not None:
                self._spool.close()
            self._held.close()

    def _record(self, operation: Operation) -> None:
        """Record something, now or later."""
        started = time.monotonic()
        if self.ask(lambda: perform(operation, self._client, self.run_id)) is None:
            self._keep(operation)
            return
        self._waited += max(time.monotonic() - started - 1, 0)
        if self._waited > SECONDS_OF_WAITING and not isinstance(operation, EndRun):
            self._leave_store(f"is slow: the run has waited {self._waited:.0f} s for it")

    def _log_first(self, parameters: LogParameters) -> None:
        """Record the parameters; the last chance to refuse a store."""
        if self._spool is not None:
            self._keep(parameters)
            return
        with naming_remedies(self.uri):
            perform(parameters, self._client, self.run_id)

    def _keep(self, operation: Operation) -> None:
        assert self._spool is not None
        self._spool.append(operation)

    def _leave_store(self, reason: str) -> None:
        self._spool = Spool(self._project, self._run)
        logger.warning(
            "MLflow's store %s %s. The run goes on; what is missing there is kept in %s until `kedro sync-tracking` "
            "sends it",
            *(self._run.store, reason, shown_path(self._spool.folder, self._project)),
        )

    def _end(self, status: RunStatus) -> None:
        """End MLflow's active run, if it is this one; record the end if the store does not know of it then."""
        import mlflow

        active = mlflow.active_run()
        known = active is not None and active.info.run_id == self.run_id
        if known:
            try:
                mlflow.end_run(status)
            except Exception as error:
                if not is_away(error):
                    raise
                known = False
        if not known or self._spool is not None:
            self._record(EndRun(status, now()))

    def _kill(self) -> None:
        """Mark the run as KILLED from any thread; MLflow's own ``end_run`` knows only runs of its thread."""
        self._resumable = False  # whoever calls this has told how to go on
        end = EndRun("KILLED", now())
        if self._spool is None:
            try:
                perform(end, self._client, self.run_id)
                return
            except Exception as error:
                if not is_away(error):
                    raise
                self._leave_store("does not answer any more")
        self._keep(end)

    def _interrupted(self) -> None:
        self.close("KILLED")
        if self._resumable:
            logger.warning("Interrupted; `kedro run --only-missing-outputs` continues after the last complete pipeline")
