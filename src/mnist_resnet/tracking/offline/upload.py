"""Spooled runs sent to MLflow, each thing once, however often the sending is broken off and begun again."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mnist_resnet.errors import UserError
from mnist_resnet.storage.artifacts import replacing
from mnist_resnet.terminal.redaction import without_credentials
from mnist_resnet.tracking.offline.folder import SpooledRun, last_written, locked, read_spool, remove_spool
from mnist_resnet.tracking.operations import EndRun, Operation, perform
from mnist_resnet.tracking.store.address import tracking_uri
from mnist_resnet.tracking.store.availability import UPLOAD_SECONDS, is_away, patiently, shortened, waiting_at_most
from mnist_resnet.tracking.store.creation import make_store
from mnist_resnet.tracking.store.experiments import own_environment, select_experiment
from mnist_resnet.tracking.store.packages import package_remedy
from mnist_resnet.tracking.store.relocation import follow_project

OFFLINE_RUN_ID = "offline_run_id"
_PROGRESS = "uploaded.json"


class SyncError(UserError, RuntimeError):
    """A spool could not be sent, or not to its end; what was not sent stays in it."""


class StoreAwayError(SyncError):
    """MLflow's store is away."""


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
        SyncError: If the spool cannot be read.
    """
    try:
        run, operations = read_spool(folder)
    except (OSError, ValueError) as error:
        raise SyncError(f"{folder} cannot be read: {error}. Nothing of it was sent; it stays there") from error
    if not any(isinstance(each, EndRun) for each in operations):
        operations.append(EndRun("KILLED", last_written(folder)))
    present = tracking_uri(project)
    meant = present if without_credentials(present) == run.store else run.store
    return Pending(folder, run, operations, uri or meant)


def progress_of(folder: Path) -> Progress | None:
    """How far an earlier upload of a spool has come; None if there was none."""
    try:
        return Progress(**json.loads((folder / _PROGRESS).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def upload(spool: Pending, project: Path, advance: Callable[[float], None]) -> str:
    """Send a spool and remove it; the caller holds its lock.

    Args:
        spool: What to send.
        project: The project's folder, which holds the artifacts of a store that is a file.
        advance: Told of each operation that is recorded, by 1.

    Returns:
        MLflow's identifier of the run.

    Raises:
        StoreAwayError: If MLflow's store is away, or goes away meanwhile.
        SyncError: If MLflow refuses something.
    """
    import mlflow

    with own_environment(), waiting_at_most(UPLOAD_SECONDS, spool.target):
        _ask(spool, "its file", lambda: make_store(spool.target), patience=0)
        _ask(spool, "its file", lambda: follow_project(spool.target, project), patience=0)
        mlflow.set_tracking_uri(spool.target)
        client = _ask(spool, "to be used", lambda: mlflow.MlflowClient(spool.target), patience=0)
        run_id: str = _ask(spool, "its run", lambda: _server_run(spool.run, client, project), patience=0)
        _send(spool, client, run_id, advance)
    remove_spool(spool.folder)
    return run_id


def upload_unless_busy(folder: Path, project: Path, uri: str | None, send: Callable[[Pending], None]) -> bool:
    """Have a spool sent while its lock is held.

    Args:
        folder: The spool.
        project: The project's folder.
        uri: As for ``pending``.
        send: Sends it.

    Returns:
        False if its run is going on or another process sends it, so that nothing was done.
    """
    with locked(folder) as mine:
        if mine:
            send(pending(folder, project, uri))
        return mine


def _send(spool: Pending, client: Any, run_id: str, advance: Callable[[float], None]) -> None:
    store, before = without_credentials(spool.target), progress_of(spool.folder)
    known = before is not None and (before.store, before.run_id) == (store, run_id)
    sent = before.sent if before is not None and known else 0
    if sent:
        advance(sent)
    for number, operation in enumerate(spool.operations[sent:], start=sent + 1):
        _ask(spool, f"its {type(operation).__name__.lower()} (record {number})", _performing(operation, client, run_id))
        with replacing(spool.folder / _PROGRESS) as file:
            file.write_text(json.dumps(asdict(Progress(store, run_id, number))) + "\n")
        advance(1)


def _performing(operation: Operation, client: Any, run_id: str) -> Callable[[], bool]:
    return lambda: perform(operation, client, run_id)


def _server_run(run: SpooledRun, client: Any, project: Path) -> str:
    """The run to fill: that which lost its store, or that which an earlier upload has created, or a new one."""
    if run.created:
        return str(client.get_run(run.run_id).info.run_id)
    experiment = _experiment_id(client, run.experiment, project)
    found = client.search_runs([experiment], f"tags.{OFFLINE_RUN_ID} = '{run.run_id}'", order_by=["attributes.run_id"])
    for doubled in found[1:]:  # created by a request of which MLflow confirmed too late that it had come
        client.delete_run(doubled.info.run_id)
    if found:
        return str(found[0].info.run_id)
    tags = {**run.tags, OFFLINE_RUN_ID: run.run_id}
    return str(client.create_run(experiment, run.started, tags, run.name).info.run_id)


def _experiment_id(client: Any, name: str, project: Path) -> str:
    select_experiment(name, project)
    return str(client.get_experiment_by_name(name).experiment_id)


def _ask(spool: Pending, what: str, question: Callable[[], Any], patience: float | None = None) -> Any:
    from mlflow.exceptions import MlflowException

    store, run_id = without_credentials(spool.target), spool.run.run_id[:8]
    try:
        return patiently(question, patience)
    except UserError as error:
        raise SyncError(f"run {run_id}: {error}. What was not sent stays in {spool.folder}") from error
    except ImportError as error:
        raise SyncError(
            f"run {run_id}: {store} or its artifacts are reached by a package that is missing ({error}): "
            f"{package_remedy(error)}. What was not sent stays in {spool.folder}"
        ) from error
    except Exception as error:
        if is_away(error):
            raise StoreAwayError(
                f"run {run_id}: {store} is away: {shortened(error)}. What was not sent stays in {spool.folder}; type "
                f"the command again once the store answers"
            ) from error
        if isinstance(error, MlflowException):
            raise SyncError(
                f"run {run_id}: {store} refuses {what}: {shortened(error)}. The run was meant for {spool.run.store}; "
                f"name its address by --tracking-uri if that has changed. What was not sent stays in {spool.folder}"
            ) from error
        raise
