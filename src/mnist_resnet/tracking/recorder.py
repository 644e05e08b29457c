"""The records of an open run: into MLflow's store while it answers, into a spool from then on."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from mnist_resnet.terminal.paths import shown_path
from mnist_resnet.terminal.redaction import in_one_line
from mnist_resnet.tracking.offline.spool import SPOOL_FOLDER, Spool, SpooledRun
from mnist_resnet.tracking.operations import EndRun, Operation, perform
from mnist_resnet.tracking.store.availability import is_away, retry_while_away
from mnist_resnet.tracking.store.remedies import naming_remedies

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")
# Beyond a second for each thing recorded, this is how long, in all, a slow store may hold up a run.
SECONDS_OF_WAITING = 120.0


class Recorder:
    """What is recorded of a run, in its order.

    Args:
        project: The project's folder, which holds the spool.
        run: The run.
        client: MLflow's, of the store that holds the run; None if all of it is to be kept.
    """

    def __init__(self, project: Path, run: SpooledRun, client: Any | None) -> None:
        self._project, self._run, self._client = project, run, client
        self._spool = None if client else Spool(project, run)
        self._left = client is None
        self._waited = 0.0

    @property
    def spool_folder(self) -> Path | None:
        """Where the run, or the rest of it, is kept for ``kedro sync-tracking``; None if it is nowhere kept."""
        return self._spool.folder if self._spool else None

    @property
    def has_left_store(self) -> bool:
        """Whether MLflow does not record the run, or the rest of it."""
        return self._left

    def where(self) -> str:
        """The place of the record, in words."""
        if self._spool is None:
            return f"MLflow run: {self._run.run_id} in {self._run.store} (see it with `mlflow ui`)"
        folder = shown_path(self._spool.folder, self._project)
        return f"MLflow run: {self._run.run_id}, kept in {folder}; `kedro sync-tracking` sends it to {self._run.store}"

    def record_first(self, operation: Operation, uri: str) -> None:
        """Record something; the last chance to refuse a store.

        Raises:
            TrackingUnavailableError: If the store, whose tracking URI is given, cannot be used.
        """
        if self._left:
            self.keep(operation)
            return
        with naming_remedies(uri):
            perform(operation, self._client, self._run.run_id)

    def record(self, operation: Operation) -> None:
        """Record something, now or later."""
        started = time.monotonic()
        if self.ask(lambda: perform(operation, self._client, self._run.run_id)) is None:
            self.keep(operation)
            return
        self._waited += max(time.monotonic() - started - 1, 0)
        if self._waited > SECONDS_OF_WAITING and not isinstance(operation, EndRun):
            self._leave_store(f"is slow: the run has waited {self._waited:.0f} s for it")

    def record_without_patience(self, operation: Operation) -> None:
        """Record something by one try, or keep it."""
        if not self._left:
            try:
                perform(operation, self._client, self._run.run_id)
                return
            except Exception as error:
                if not is_away(error):
                    raise
                self._leave_store("does not answer any more")
        self.keep(operation)

    def ask(self, question: Callable[[], Answer]) -> Answer | None:
        """Ask the store something; None if it is away, or has been in this run.

        Args:
            question: Asks MLflow, possibly several times to the effect of once; its answer is not None.
        """
        if self._left:
            return None
        try:
            return retry_while_away(question)
        except Exception as error:
            if not is_away(error):
                raise
            self._leave_store(f"does not answer any more ({in_one_line(error)})")
            return None

    def keep(self, operation: Operation) -> None:
        """Record something later, in a run whose store is away; nothing happens where nothing can be kept."""
        if self._spool is not None:
            self._spool.append(operation)

    def close(self) -> None:
        """Let others send what is kept."""
        if self._spool is not None:
            self._spool.close()

    def _leave_store(self, reason: str) -> None:
        self._left = True
        try:
            self._spool = Spool(self._project, self._run)
        except OSError as error:
            logger.warning(
                "MLflow's store %s %s, and nothing can be kept in %s: %s. The run goes on; what is missing is lost",
                *(self._run.store, reason, self._project / SPOOL_FOLDER, error.strerror or error),
            )
            return
        logger.warning(
            "MLflow's store %s %s. The run goes on; what is missing there is kept in %s until `kedro sync-tracking` "
            "sends it",
            *(self._run.store, reason, shown_path(self._spool.folder, self._project)),
        )
