"""Uploads of spooled runs to MLflow: each thing is sent once, however often an upload is broken off and begun again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mnist_resnet.storage.json_records import read_record, write_json
from mnist_resnet.terminal.redaction import LEFT_OUT, without_credentials
from mnist_resnet.tracking.offline.spool import SpooledRun, SpoolError, last_written, read_spool, remove_spool
from mnist_resnet.tracking.operations import EndRun, Operation, perform
from mnist_resnet.tracking.store.address import query_sha256, tracking_uri
from mnist_resnet.tracking.store.availability import UPLOAD_SECONDS, bounded_requests, retry_while_away
from mnist_resnet.tracking.store.database import open_store
from mnist_resnet.tracking.store.experiments import select_experiment
from mnist_resnet.tracking.store.remedies import naming_remedies

OFFLINE_RUN_ID = "offline_run_id"
_PROGRESS = "uploaded.json"


@dataclass(frozen=True)
class Progress:
    """How far the upload of a spool has come.

    Attributes:
        store: The tracking URI that it is sent to, without credentials.
        run_id: MLflow's identifier of the run there.
        sent: How many operations are known to be recorded.
    """

    store: str
    run_id: str
    sent: int


@dataclass(frozen=True)
class Pending:
    """A spool that waits to be sent.

    Attributes:
        folder: The spool.
        run: The run that it belongs to.
        operations: What is to be recorded in it; a run that its process did not end is ended as KILLED.
        target: The tracking URI to send it to.
    """

    folder: Path
    run: SpooledRun
    operations: Sequence[Operation]
    target: str


def pending(folder: Path, project: Path, uri: str | None = None) -> Pending:
    """What a spool holds, and where it goes.

    Args:
        folder: The spool, of a run that has ended.
        project: The project's folder.
        uri: A tracking URI to send it to; if None, the store that it is meant for.

    Raises:
        SpoolError: If the spool cannot be read, or the whole address of its store is not known.
    """
    run, operations = read_spool(folder)
    if not any(isinstance(each, EndRun) for each in operations):
        operations.append(EndRun("KILLED", last_written(folder)))
    return Pending(folder, run, operations, _target(run, uri, tracking_uri(project)))


def _target(run: SpooledRun, named: str | None, present: str) -> str:
    """The whole address to send a run to: of the one that it is meant for, a spool keeps neither user nor query."""
    is_meant = without_credentials(present) == run.store and run.query_sha256 in {"", query_sha256(present)}
    target = named or (present if is_meant else run.store)
    if target.endswith(LEFT_OUT):
        raise SpoolError(
            f"run {run.run_id[:8]}: it is meant for {run.store}, of which the query is not kept, and "
            f"MLFLOW_TRACKING_URI is not that address; set it, or --tracking-uri, to the whole address"
        )
    return target


def progress_of(folder: Path) -> Progress | None:
    """How far an earlier upload of a spool has come; None if there was none."""
    return read_record(Progress, folder / _PROGRESS)


def upload(spool: Pending, project: Path, advance: Callable[[float], None]) -> str:
    """Send a spool and remove it; the caller holds its lock.

    Args:
        spool: What to send.
        project: The project's folder, which holds the artifacts of a store that is a file.
        advance: Told how many operations are recorded.

    Returns:
        MLflow's identifier of the run.

    Raises:
        TrackingUnavailableError: If MLflow refuses something; a ``StoreAwayError`` if the store is or goes away.
        ExperimentError, ArtifactStoreError: If nothing can be recorded in the experiment.
    """
    store, before = without_credentials(spool.target), progress_of(spool.folder)
    with bounded_requests(UPLOAD_SECONDS, spool.target), naming_remedies(spool.target, otherwise=""):
        client = open_store(spool.target, project)
        run_id = _run_to_fill(spool.run, client, project)
        sent = before.sent if before is not None and (before.store, before.run_id) == (store, run_id) else 0
        advance(sent)
        for number, operation in enumerate(spool.operations[sent:], start=sent + 1):
            retry_while_away(partial(perform, operation, client, run_id))
            write_json(spool.folder / _PROGRESS, Progress(store, run_id, number))
            advance(1)
    remove_spool(spool.folder)
    return run_id


def _run_to_fill(run: SpooledRun, client: Any, project: Path) -> str:
    """The run that lost its store, or that an earlier upload has created, or a new one."""
    if run.created:
        return str(client.get_run(run.run_id).info.run_id)
    experiment = select_experiment(run.experiment, project)
    found = client.search_runs([experiment], f"tags.{OFFLINE_RUN_ID} = '{run.run_id}'", order_by=["attributes.run_id"])
    for doubled in found[1:]:  # created by a request of which MLflow confirmed too late that it had come
        client.delete_run(doubled.info.run_id)
    tags = {**run.tags, OFFLINE_RUN_ID: run.run_id}
    present = found[0] if found else client.create_run(experiment, run.started, tags, run.name)
    return str(present.info.run_id)
