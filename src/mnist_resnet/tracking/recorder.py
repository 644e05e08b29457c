"""The way of a run's records: to MLflow's store or, once that does not answer, into a spool."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from mnist_resnet.terminal.paths import shown_path
from mnist_resnet.terminal.redaction import in_one_line
from mnist_resnet.tracking.offline.spool import Spool, SpooledRun
from mnist_resnet.tracking.operations import EndRun, Operation, perform
from mnist_resnet.tracking.store.availability import is_away, patiently

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")
# Beyond a second for each thing recorded, this is how long, in all, a slow store may hold up a run.
SECONDS_OF_WAITING = 120.0


class Recorder:
    """Records what a run asks for, in its order; a store that was away once is left alone from then on.

    Args:
        project: The project's folder, which holds the spool.
        run: The run to record in.
        client: MLflow's, for its store; None to spool everything.
    """

    def __init__(self, project: Path, run: SpooledRun, client: Any) -> None:
        self._project, self._run, self._client = project, run, client
        self._waited = 0.0
        self._spool = Spool(project, run) if client is None else None

    @property
    def spool_folder(self) -> Path | None:
        """Where the run, or the rest of it, is kept for ``kedro sync-tracking``; None while MLflow records it."""
        return self._spool.folder if self._spool else None

    def record(self, operation: Operation) -> None:
        """Record something, now or later."""
        started = time.monotonic()
        if self.ask(lambda: self._perform(operation)) is None:
            self.keep(operation)
            return
        self._waited += max(time.monotonic() - started - 1, 0)
        if self._waited > SECONDS_OF_WAITING and not isinstance(operation, EndRun):
            self._leave_store(f"is slow: the run has waited {self._waited:.0f} s for it")

    def insist(self, operation: Operation) -> None:
        """Record something without which there is no run: errors of the store are let through."""
        if self._spool is not None:
            self.keep(operation)
        else:
            self._perform(operation)

    def keep(self, operation: Operation) -> None:
        """Have ``kedro sync-tracking`` record something, after ``ask`` has found the store away."""
        assert self._spool is not None
        self._spool.append(operation)

    def give_up(self, operation: Operation) -> None:
        """Record something later, whether the store could be asked again or not."""
        if self._spool is None:
            self._leave_store("does not answer any more")
        self.keep(operation)

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

    def close(self) -> None:
        """Let others upload what was kept."""
        if self._spool is not None:
            self._spool.close()

    def _perform(self, operation: Operation) -> bool:
        return perform(operation, self._client, self._run.run_id)

    def _leave_store(self, reason: str) -> None:
        self._spool = Spool(self._project, self._run)
        logger.warning(
            "MLflow's store %s %s. The run goes on; what is missing there is kept in %s until `kedro sync-tracking` "
            "sends it",
            *(self._run.store, reason, shown_path(self._spool.folder, self._project)),
        )
