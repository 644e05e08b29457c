"""MLflow's experiments: which of them a run belongs to, whether it can be recorded there, and what runs they hold."""

import os
from pathlib import Path
from typing import Any

from mnist_resnet.errors import UserError
from mnist_resnet.tracking.store.address import artifacts_uri
from mnist_resnet.tracking.store.availability import if_there
from mnist_resnet.tracking.store.remedies import require_artifact_packages

_NAME, _IDENTIFIER, _RUN = "MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID"
# By this, `mlflow ui` shows training runs, not what it shows of applications of language models.
_KIND = {"mlflow.experimentKind": "custom_model_development"}
_TO_BE_FILLED = {"RUNNING", "SCHEDULED"}


class ExperimentError(UserError, ValueError):
    """An experiment or a run that is named by the configuration or the environment cannot be recorded in."""


def experiment_name(name: str, explicit: bool, client: Any) -> str:
    """The name of the experiment to record in.

    Args:
        name: That of ``tracking.experiment``.
        explicit: Whether it goes before what the environment names: ``MLFLOW_EXPERIMENT_ID``, or else
            ``MLFLOW_EXPERIMENT_NAME``.
        client: Of the store; None where it is not asked.

    Raises:
        ExperimentError: If there is no experiment of that identifier, or it has another name than the one that the
            environment gives.
    """
    identifier, named = os.environ.get(_IDENTIFIER), os.environ.get(_NAME)
    if explicit:
        return name
    if not identifier or (client is None and named):
        return named or name
    if client is None:
        obstacle = "which only the store can look up, but this run is recorded offline"
        raise _refusal(_IDENTIFIER, identifier, obstacle, f"unset it, and set {_NAME} instead")
    found = if_there(lambda: client.get_experiment(identifier))
    if found is None:
        remedy = f"correct it, or unset it and name one by {_NAME}"
        raise _refusal(_IDENTIFIER, identifier, "but the store has no such experiment", remedy)
    if named and named != found.name:
        obstacle = f"which is the experiment '{found.name}', but {_NAME} is '{named}'"
        raise _refusal(_IDENTIFIER, identifier, obstacle, "unset one of them")
    return str(found.name)


def select_experiment(name: str, project: Path) -> str:
    """Make an experiment MLflow's present one.

    Args:
        name: Created if there is none of that name.
        project: The project's folder, which holds the artifacts if MLflow's present store is a file.

    Returns:
        MLflow's identifier.

    Raises:
        ExperimentError: If it was deleted.
        ArtifactStoreError: If its artifacts are kept where this process cannot write.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    uri = mlflow.get_tracking_uri()
    if mlflow.get_experiment_by_name(name) is None:
        try:
            location = artifacts_uri(project) if uri.startswith("sqlite") else None
            mlflow.create_experiment(name, location, _KIND)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":  # else another run was faster
                raise
    found = mlflow.get_experiment_by_name(name)
    if found.lifecycle_stage != "active":
        restored = f"`mlflow experiments restore --experiment-id {found.experiment_id}`"
        remedy = f"restore it by {restored}, or name another by that parameter or {_NAME}"
        raise _refusal("tracking.experiment", name, "which was deleted in MLflow", remedy)
    require_artifact_packages(found.artifact_location, uri)
    return str(mlflow.set_experiment(name).experiment_id)


def require_run_to_fill(client: Any, experiment: str) -> None:
    """Refuse a run, named by ``MLFLOW_RUN_ID``, that cannot be filled; nothing happens if none is named.

    Args:
        client: Of the store.
        experiment: The name of the experiment to record in.

    Raises:
        ExperimentError: If there is no such run, it belongs to another experiment, or it was ended or deleted.
    """
    run_id = os.environ.get(_RUN)
    if not run_id:
        return
    run = if_there(lambda: client.get_run(run_id))
    if run is None:
        raise _refusal(_RUN, run_id, "but the store has no such run", "correct or unset it")
    owner = client.get_experiment(run.info.experiment_id).name
    if run.info.lifecycle_stage != "active":
        remedy = f"unset it, or type `mlflow runs restore --run-id {run_id}`"
        raise _refusal(_RUN, run_id, "a run that was deleted", remedy)
    if owner != experiment:
        obstacle = f"a run of the experiment '{owner}', but this run belongs to '{experiment}'"
        raise _refusal(_RUN, run_id, obstacle, f"unset it, or set {_NAME} to that experiment")
    if run.info.status not in _TO_BE_FILLED:
        raise _refusal(_RUN, run_id, f"a run that has ended as {run.info.status}", "unset it to record a new run")


def runs_in(client: Any, experiment: str, condition: str) -> list[Any]:
    """The runs of an experiment, as MLflow has them, the latest first.

    Args:
        client: Of the store.
        experiment: Its name; it has no runs if there is none of that name.
        condition: Which runs, in MLflow's language of searches.
    """
    found = client.get_experiment_by_name(experiment)
    runs: list[Any] = []
    token = None if found else ""
    while token != "":
        page = client.search_runs([found.experiment_id], condition, page_token=token)
        runs, token = [*runs, *page], page.token or ""
    return runs


def _refusal(name: str, received: str, obstacle: str, remedy: str) -> ExperimentError:
    return ExperimentError(f"{name}: received '{received}', {obstacle}; {remedy}")
