"""The MLflow run that a process is going to fill: made in the store, or described to be made there later."""

import logging
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from mnist_resnet.computing.blocked_imports import blocked_imports
from mnist_resnet.errors import UserError
from mnist_resnet.provenance.record import RunStatus, status_after
from mnist_resnet.provenance.source import collect_commit
from mnist_resnet.terminal.redaction import in_one_line, without_credentials
from mnist_resnet.tracking.dead_runs import close_dead_runs, locked_while_open
from mnist_resnet.tracking.offline.spool import SpooledRun
from mnist_resnet.tracking.store.address import query_sha256
from mnist_resnet.tracking.store.availability import is_away
from mnist_resnet.tracking.store.database import open_store
from mnist_resnet.tracking.store.experiments import experiment_name, require_run_to_fill, select_experiment
from mnist_resnet.tracking.store.remedies import naming_remedies

logger = logging.getLogger(__name__)

_REGISTRY = "MLFLOW_REGISTRY_URI"
# By which MLflow finds out whether a notebook calls it.
_NOTEBOOKS = "IPython"


class ActiveRunError(UserError, RuntimeError):
    """Another run is active in this process; it stays as it was."""


@contextmanager
def opened_in_store(
    uri: str, project: Path, experiment: str, explicit: bool, name: str, tags: Mapping[str, str]
) -> Iterator[tuple[SpooledRun, Any]]:
    """Make a run in MLflow's store and make it MLflow's active one; that of ``MLFLOW_RUN_ID``, if that is set.

    Other processes know that it is open for as long as the block goes on. An error within the block ends the run, which
    else stays open.

    Args:
        uri: The store's tracking URI.
        project: The project's folder.
        experiment: Its name, unless the environment names another.
        explicit: Whether it goes before what the environment names.
        name: The run's name; one that another process has opened keeps its own.
        tags: What the run is.

    Yields:
        The run, and MLflow's client for its store.

    Raises:
        TrackingUnavailableError: If the store or the registry cannot be used.
        ExperimentError: If the experiment, or the run to fill, cannot be used.
        ArtifactStoreError: If the experiment's artifacts are kept where this process cannot reach.
        ActiveRunError: If another run of MLflow is active here.
    """
    import mlflow

    if (other := mlflow.active_run()) is not None:
        raise ActiveRunError(
            f"MLflow's run {other.info.run_id} is active in this process already, but a pipeline needs its own run. "
            f"End it first with `mlflow.end_run()`, or set `tracking.enabled: false`"
        )
    with ExitStack() as held:
        try:
            with naming_remedies(uri):
                client = open_store(uri, project)
                chosen = experiment_name(experiment, explicit, client)
                select_experiment(chosen, project)
                require_run_to_fill(client, chosen)
                _require_registry(client)
                close_dead_runs(client, chosen, project)
                # A run that another process has opened stays that process's own.
                filled = bool(os.environ.get("MLFLOW_RUN_ID"))
                lock = {} if filled else held.enter_context(locked_while_open(project))
                own_name = None if filled else name
                # MLflow's own system metrics ask the store in a thread of their own; see system_metrics.py.
                with blocked_imports(_NOTEBOOKS):
                    run = mlflow.start_run(run_name=own_name, tags={**tags, **lock}, log_system_metrics=False).info
            store, query, begun = without_credentials(uri), query_sha256(uri), run.start_time
            yield SpooledRun(run.run_id, True, store, chosen, run.run_name, dict(tags), begun, query), client
        except BaseException as error:
            with suppress(Exception):
                mlflow.end_run(status_after(error))
            raise


@contextmanager
def opened_for_another_process(
    client: Any, experiment_id: str, name: str, tags: Mapping[str, str], project: Path
) -> Iterator[str]:
    """Make a run that another process fills, which finds it by ``MLFLOW_RUN_ID``.

    If that process leaves it open, it is marked FAILED, or KILLED if the block has been interrupted.

    Args:
        client: MLflow's, of the store.
        experiment_id: MLflow's identifier of the experiment.
        name: The run's name.
        tags: What the run is.
        project: The folder of the present project, by which a run whose process has died is found.

    Yields:
        MLflow's identifier of the run.
    """
    status: RunStatus = "FAILED"
    with locked_while_open(project) as lock:
        run_id = client.create_run(experiment_id, tags={**tags, **lock}, run_name=name).info.run_id
        try:
            yield run_id
        except BaseException as error:
            status = status_after(error)
            raise
        finally:
            try:
                if client.get_run(run_id).info.status == "RUNNING":
                    client.set_terminated(run_id, status)
                client.update_run(run_id, name=name)  # earlier versions of this package set their own
            except Exception as error:
                if not is_away(error):
                    raise
                logger.warning("Run %s could not be closed: %s", run_id[:8], in_one_line(error))


def describe_offline(uri: str, experiment: str, explicit: bool, name: str, tags: Mapping[str, str]) -> SpooledRun:
    """Describe a run that is made in the store when its spool is sent; the store is not asked.

    Arguments are those of ``opened_in_store``.

    Raises:
        ExperimentError: If only the store knows the experiment.
    """
    from mlflow.tracking.context.registry import resolve_tags

    with blocked_imports(_NOTEBOOKS):
        all_tags = resolve_tags(dict(tags))
    chosen = experiment_name(experiment, explicit, None)
    store, query = without_credentials(uri), query_sha256(uri)
    return SpooledRun(uuid.uuid4().hex, False, store, chosen, name, all_tags, now(), query)


def commit_tags(project: Path) -> dict[str, str]:
    """The commit and whether files differ from it; empty where there is no commit.

    Args:
        project: The project's folder.
    """
    source = collect_commit(project)
    return {"git_commit": source.commit, "git_dirty": str(source.dirty).lower()} if source else {}


def now() -> int:
    """The present time as MLflow has it, in milliseconds since 1970."""
    return int(time.time() * 1000)


def _require_registry(client: Any) -> None:
    """Refuse a registry of models that cannot be used; without a place of its own, it is in the store."""
    if registry := os.environ.get(_REGISTRY):
        with naming_remedies(registry, _REGISTRY):
            client.search_registered_models(max_results=1)
