"""MLflow's experiments, and what choosing one leaves behind."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mnist_resnet.errors import UserError
from mnist_resnet.tracking.store.packages import require_artifact_packages
from mnist_resnet.tracking.store.relocation import artifacts_uri

_NAME, _IDENTIFIER, _RUN = "MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID"
# MLflow passes these on to later processes, and so to later runs of this one.
_EXPORTED = ("MLFLOW_TRACKING_URI", _IDENTIFIER)
_TO_BE_FILLED = {"RUNNING", "SCHEDULED"}


class ExperimentError(UserError, ValueError):
    """An experiment or a run that is named by the configuration or the environment cannot be recorded in."""


@contextmanager
def own_environment() -> Iterator[None]:
    """Put back, after the block, what MLflow sets in the environment when a store and an experiment are chosen."""
    before = {name: os.environ.get(name) for name in _EXPORTED}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def chosen_experiment(asked: str | None, configured: str) -> str | None:
    """The name of the experiment to record in, as far as no store has to be asked.

    Args:
        asked: By ``--params tracking.experiment=…``, which goes before all else.
        configured: In the recipe, for want of anything else.

    Returns:
        The name; None if ``MLFLOW_EXPERIMENT_ID`` decides, which goes before ``MLFLOW_EXPERIMENT_NAME``.
    """
    if asked is None and os.environ.get(_IDENTIFIER):
        return None
    return asked or os.environ.get(_NAME) or configured


def experiment_by_id(client: Any) -> str:
    """The name of the experiment that ``MLFLOW_EXPERIMENT_ID`` names.

    Args:
        client: Of the store; None where it is not asked.

    Raises:
        ExperimentError: If there is none, or ``MLFLOW_EXPERIMENT_NAME`` names another.
    """
    from mlflow.exceptions import MlflowException

    identifier, name = os.environ[_IDENTIFIER], os.environ.get(_NAME)
    if client is None:
        if name:
            return name
        raise ExperimentError(
            f"{_IDENTIFIER}: received '{identifier}', which only the store knows, and this run is recorded offline; "
            f"unset it, and set {_NAME} instead"
        )
    try:
        found = str(client.get_experiment(identifier).name)
    except MlflowException as error:
        if error.error_code not in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            raise
        raise ExperimentError(
            f"{_IDENTIFIER}: received '{identifier}', but the store has no such experiment; correct it, or unset it "
            f"and name one by {_NAME}"
        ) from error
    if name and name != found:
        raise ExperimentError(
            f"{_IDENTIFIER}: received '{identifier}', which is the experiment '{found}', but {_NAME} is '{name}'; "
            f"unset one of them"
        )
    return found


def select_experiment(name: str, project: Path) -> None:
    """Make an experiment MLflow's present one.

    Args:
        name: Created if there is none of that name.
        project: The project's folder, which holds the artifacts if MLflow's present store is a file.

    Raises:
        ExperimentError: If it was deleted.
        ArtifactStoreError: If its artifacts are kept where this process cannot write.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    uri = mlflow.get_tracking_uri()
    if mlflow.get_experiment_by_name(name) is None:
        try:
            mlflow.create_experiment(name, artifacts_uri(project) if uri.startswith("sqlite") else None)
        except MlflowException:
            if mlflow.get_experiment_by_name(name) is None:  # else another run was faster
                raise
    found = mlflow.get_experiment_by_name(name)
    if found.lifecycle_stage != "active":
        raise ExperimentError(
            f"tracking.experiment: received '{name}', which was deleted in MLflow; restore it by `mlflow experiments "
            f"restore --experiment-id {found.experiment_id}`, or name another by that parameter or {_NAME}"
        )
    require_artifact_packages(found.artifact_location, uri)
    mlflow.set_experiment(name)


def require_run_to_fill(client: Any, experiment: str) -> None:
    """Refuse a run, named by ``MLFLOW_RUN_ID``, that cannot be filled; nothing happens if none is named.

    Args:
        client: Of the store.
        experiment: The name of the experiment to record in.

    Raises:
        ExperimentError: If there is no such run, it belongs to another experiment, or it was ended or deleted.
    """
    from mlflow.exceptions import MlflowException

    run_id = os.environ.get(_RUN)
    if not run_id:
        return
    try:
        info = client.get_run(run_id).info
    except MlflowException as error:
        if error.error_code not in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            raise
        raise _refusal(run_id, "but the store has no such run", "correct or unset it") from error
    owner = client.get_experiment(info.experiment_id).name
    if info.lifecycle_stage != "active":
        raise _refusal(run_id, "a run that was deleted", f"unset it, or type `mlflow runs restore --run-id {run_id}`")
    if owner != experiment:
        what = f"a run of the experiment '{owner}', but this run belongs to '{experiment}'"
        raise _refusal(run_id, what, f"unset it, or set {_NAME} to that experiment")
    if info.status not in _TO_BE_FILLED:
        raise _refusal(run_id, f"a run that has ended as {info.status}", "unset it to record a new run")


def _refusal(run_id: str, what: str, remedy: str) -> ExperimentError:
    return ExperimentError(f"{_RUN}: received '{run_id}', {what}; {remedy}")
