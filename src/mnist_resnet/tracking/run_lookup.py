"""Runs that MLflow holds, found by id or name, with the files that were recorded of them."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_resnet.errors import UserError
from mnist_resnet.provenance.patch import PATCH_FILE
from mnist_resnet.provenance.reading import read_provenance
from mnist_resnet.provenance.record import PROVENANCE_FILE, Provenance
from mnist_resnet.storage.digests import digest_of_array
from mnist_resnet.terminal.redaction import without_credentials
from mnist_resnet.tracking.offline.upload import OFFLINE_RUN_ID
from mnist_resnet.tracking.store.availability import REQUEST_SECONDS, UPLOAD_SECONDS, bounded_requests
from mnist_resnet.tracking.store.remedies import naming_remedies

_SHOWN = 5


class RecordedRunError(UserError, LookupError):
    """MLflow does not hold the run that was asked for, or holds several, or not what is needed of it."""


@dataclass(frozen=True)
class RecordedRun:
    """A run that MLflow holds.

    Attributes:
        run_id: MLflow's identifier.
        name: The run's name.
        started: In ISO 8601, UTC.
        status: MLflow's word for how it ended: RUNNING, FINISHED, FAILED or KILLED.
        store: The tracking URI of the store that holds it.
        offline_id: The identifier that it had, and that its files name, while it was recorded offline; else empty.
    """

    run_id: str
    name: str
    started: str
    status: str
    store: str
    offline_id: str = ""

    def in_words(self) -> str:
        """The run as messages name it."""
        return f"run {self.run_id[:8]} ({self.name}, {self.started})"

    def is_meant_by(self, wanted: str) -> bool:
        """Whether a text is the beginning of one of its identifiers, or its name."""
        return self.name == wanted or any(each.startswith(wanted) for each in (self.run_id, self.offline_id))

    def provenance(self) -> Provenance:
        """Its record.

        Raises:
            RecordedRunError: If there is none.
            ProvenanceError: If it is of another schema or damaged.
        """
        content = self.artifact(PROVENANCE_FILE)
        if content is None:
            raise RecordedRunError(f"{self.in_words()} has no {PROVENANCE_FILE}; runs of earlier versions have none")
        return read_provenance(content, self.in_words())

    def patch(self) -> bytes | None:
        """The uncommitted changes that it was made with, as ``git apply`` takes them; None if none are kept."""
        return self.artifact(PATCH_FILE)

    def probabilities(self, digests: Mapping[str, str]) -> dict[str, npt.NDArray[np.float32]]:
        """The test probabilities, float32 (images, classes), of those data sets of which the run recorded them.

        Args:
            digests: As recorded with the run, by data set.

        Raises:
            RecordedRunError: If they cannot be read, or are not those that the run has recorded.
        """
        arrays = {}
        for name, digest in digests.items():
            path = f"{name}/test_probabilities.npy"
            if (content := self.artifact(path)) is None:
                continue
            try:
                arrays[name] = np.asarray(np.load(io.BytesIO(content), allow_pickle=False))
            except (ValueError, EOFError) as error:
                raise RecordedRunError(f"{self.in_words()}: its {path} is damaged: {error}") from error
            if digest_of_array(arrays[name]) != digest:
                raise RecordedRunError(
                    f"{self.in_words()}: its {path} was changed in MLflow's store: its SHA-256 is not the recorded one"
                )
        return arrays

    def artifact(self, path: str) -> bytes | None:
        """The content of a recorded file; None if there is none.

        Raises:
            TrackingUnavailableError: If the store or its files cannot be read.
        """
        import mlflow

        client, parent = mlflow.MlflowClient(self.store), path.rpartition("/")[0]
        with bounded_requests(UPLOAD_SECONDS, self.store), naming_remedies(self.store, otherwise=""):
            if path not in {file.path for file in client.list_artifacts(self.run_id, parent or None)}:
                return None
            with TemporaryDirectory() as folder:
                return Path(client.download_artifacts(self.run_id, path, folder)).read_bytes()


def find_run(wanted: str, store: str) -> RecordedRun:
    """Find a run.

    Args:
        wanted: Its identifier, the beginning of it, or its name.
        store: The tracking URI of the store to look into.

    Raises:
        RecordedRunError: If there is no such run, or more than one.
        TrackingUnavailableError: If the store cannot be asked.
    """
    import mlflow

    with bounded_requests(REQUEST_SECONDS, store), naming_remedies(store, otherwise=""):
        mlflow.set_tracking_uri(store)
        runs = mlflow.search_runs(search_all_experiments=True, output_format="list", order_by=["start_time DESC"])
    found = [run for run in (_recorded(each, store) for each in runs) if wanted and run.is_meant_by(wanted)]
    exact = [run for run in found if wanted in {run.run_id, run.offline_id}] or found
    if len(exact) == 1:
        return exact[0]
    if not found:
        raise RecordedRunError(
            f"run: received '{wanted}', but {without_credentials(store)} has no run with that id or name; `mlflow ui` "
            f"lists the runs"
        )
    listed = "\n".join(f"- {run.run_id}  {run.name}, {run.started}" for run in found[:_SHOWN])
    raise RecordedRunError(f"run: received '{wanted}', which matches {len(found)} runs; type more of the id:\n{listed}")


def run_with_id(run_id: str, store: str) -> RecordedRun:
    """A run that is known to be there.

    Args:
        run_id: Its whole identifier.
        store: The tracking URI of the store that holds it.

    Raises:
        TrackingUnavailableError: If the store cannot be asked.
    """
    import mlflow

    with bounded_requests(REQUEST_SECONDS, store), naming_remedies(store, otherwise=""):
        return _recorded(mlflow.MlflowClient(store).get_run(run_id), store)


def _recorded(run: Any, store: str) -> RecordedRun:
    info = run.info
    started = datetime.fromtimestamp(info.start_time / 1000, UTC).isoformat(timespec="seconds")
    offline_id = run.data.tags.get(OFFLINE_RUN_ID, "")
    return RecordedRun(info.run_id, info.run_name, started, info.status, store, offline_id)
