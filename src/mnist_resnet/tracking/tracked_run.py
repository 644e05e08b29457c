"""The life of one MLflow run: opened, filled while work goes on, closed with the true status.

A store that is away when the run is opened is an error. One that goes away later, or answers too slowly, is left alone
from then on, and the rest is kept in a spool, as is all of a run that is recorded offline.
"""

import atexit
import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mnist_resnet.provenance.record import RunStatus
from mnist_resnet.storage.artifacts import write_files
from mnist_resnet.terminal import signals
from mnist_resnet.tracking.logged_model import LoggedModel
from mnist_resnet.tracking.operations import (
    Curves,
    EndRun,
    LogArtifact,
    LogInput,
    LogMetrics,
    LogModel,
    LogParameters,
    Point,
    SetTags,
    points_of,
)
from mnist_resnet.tracking.recorder import Recorder
from mnist_resnet.tracking.run_creation import describe_offline, now, opened_in_store
from mnist_resnet.tracking.store.address import tracking_uri
from mnist_resnet.tracking.store.availability import REQUEST_SECONDS, bounded_requests, is_away

logger = logging.getLogger(__name__)

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
        explicit: Whether the experiment goes before what the environment names.

    Attributes:
        filled: Whether another process has opened it.
        experiment: The name of its experiment.
        run_id: Its identifier.
        started: In milliseconds since 1970.
        uri: The store's tracking URI.
        recorder: What it is recorded by.

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
        explicit: bool = False,
    ) -> None:
        import mlflow  # noqa: F401  # sets levels of its own, which are lowered here

        for noisy in _NOISY:
            logging.getLogger(noisy).setLevel(logging.WARNING)
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # it logs tracebacks of what it raises
        self.uri = tracking_uri(project)
        self._digests: dict[tuple[str, str], str] = {}
        self._is_open = self._resumable = True
        self.filled = bool(os.environ.get("MLFLOW_RUN_ID"))  # MLflow removes the variable when the run starts
        with ExitStack() as held:
            held.enter_context(bounded_requests(REQUEST_SECONDS, self.uri))
            if offline and not self.filled:
                run, client = describe_offline(self.uri, experiment, explicit, name, tags), None
            else:
                opened = opened_in_store(self.uri, project, experiment, explicit, name, tags)
                run, client = held.enter_context(opened)
            self.run_id, self.experiment, self.started = run.run_id, run.experiment, run.started
            self.recorder = Recorder(project, run, client)
            texts = {key: str(value) for key, value in parameters.items()}
            self.recorder.record_first(LogParameters(texts), self.uri)
            held.enter_context(signals.exiting_on_sigterm())
            # MLflow's own handler, registered earlier and so called later, would mark the run FINISHED.
            atexit.register(self._interrupted)
            held.callback(atexit.unregister, self._interrupted)
            signals.register(self._kill)
            held.callback(signals.unregister, self._kill)
            self._held = held.pop_all()

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Record figures, with the step they belong to."""
        self.recorder.record(LogMetrics(_as_floats(metrics), step or 0, now()))

    def log_points(self, points: Sequence[Point]) -> None:
        """Record figures that each have a step and a time of their own; nothing happens if there are none."""
        if points:
            self.recorder.record(LogMetrics({}, 0, now(), points=points))

    def log_input(self, part: LogInput) -> None:
        """Record a part of a data set that the run works on."""
        self._digests[part.name, part.context] = part.digest
        self.recorder.record(part)

    def log_figures(
        self, metrics: Mapping[str, float], curves: Curves, onnx_sha256: str, dataset: str, context: str
    ) -> None:
        """Record figures of a recorded model on a part of a data set that has been logged, as inputs name it."""
        digest, when = self._digests.get((dataset, context), ""), now()
        measured = onnx_sha256, dataset if digest else "", digest
        self.recorder.record(LogMetrics(_as_floats(metrics), 0, when, *measured, points_of(curves, when)))

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Say more of what the run is."""
        self.recorder.record(SetTags(tags))

    def log_artifact(self, path: Path, folder: str = "") -> None:
        """Record a file, or a folder with all it holds, in a folder of the run's artifacts."""
        self.recorder.record(LogArtifact(path, folder))

    def log_files(self, files: Mapping[str, bytes]) -> None:
        """Record files by their path below the run's artifacts."""
        with TemporaryDirectory() as folder:
            write_files(Path(folder), files)
            for name in files:
                self.log_artifact(Path(folder, name), str(Path(name).parent).removeprefix("."))

    def log_model(self, model: LoggedModel) -> None:
        """Record an ONNX model that ``mlflow models serve`` answers raw images with, and nothing else."""
        self.recorder.record(LogModel(model))

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
            self.recorder.close()
            self._held.close()

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
        if not known or self.recorder.has_left_store:
            self.recorder.record(EndRun(status, now()))

    def _kill(self) -> None:
        """Mark the run as KILLED from any thread; MLflow's own ``end_run`` knows only runs of its thread."""
        self._resumable = False  # whoever calls this has told how to go on
        self.recorder.record_without_patience(EndRun("KILLED", now()))

    def _interrupted(self) -> None:
        self.close("KILLED")
        if self._resumable:
            logger.warning("Interrupted; `kedro run --only-missing-outputs` continues after the last complete pipeline")


def _as_floats(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in figures.items()}
