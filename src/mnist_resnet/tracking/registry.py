"""MLflow's model registry: who is the candidate, who is the champion."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mnist_resnet.tracking.logged_model import find_logged_model
from mnist_resnet.tracking.store.availability import if_there

logger = logging.getLogger(__name__)

CANDIDATE, CHAMPION = "candidate", "champion"
_EVALUATED = "evaluated"


@dataclass(frozen=True)
class RegisterCandidate:
    """A recorded model's place in the registry.

    Attributes:
        name: Of the registered model.
        onnx_sha256: By which the recorded model is found.
        tags: What to say of the version.
        evaluated: When, in milliseconds since 1970; a candidate that was evaluated later stays.
        description: Of the version, in Markdown.
    """

    name: str
    onnx_sha256: str
    tags: Mapping[str, str]
    evaluated: int
    description: str = ""


def register_candidate(candidate: RegisterCandidate, client: Any, run_id: str) -> str | None:
    """Register the recorded model of a candidate, and point the alias ``candidate`` at it.

    Neither a candidate that was evaluated later, nor what a later evaluation said of this version, is replaced.

    Args:
        candidate: The model; a registered model of its name is created if there is none.
        client: MLflow's, of the store that holds the recorded model.
        run_id: A run of the experiment to look for it in.

    Returns:
        The version; None if no such model was recorded there.
    """
    name = candidate.name
    model = find_logged_model(candidate.onnx_sha256, client, client.get_run(run_id).info.experiment_id)
    if model is None:
        return None
    version = _version_of(client, name, model) or _new_version(client, name, model)
    if _evaluated_later(client.get_model_version(name, version), candidate):
        return version
    for key, value in {**candidate.tags, _EVALUATED: candidate.evaluated}.items():
        client.set_model_version_tag(name, version, key, str(value))
    if candidate.description:
        client.update_model_version(name, version, candidate.description)
    present = if_there(lambda: client.get_model_version_by_alias(name, CANDIDATE))
    if present and _evaluated_later(present, candidate):
        logger.warning(
            "The alias %s of %s stays at version %s, which was evaluated later than version %s, by the clocks",
            CANDIDATE,
            name,
            present.version,
            version,
        )
        return version
    client.set_registered_model_alias(name, CANDIDATE, version)
    return version


def _evaluated_later(version: Any, candidate: RegisterCandidate) -> bool:
    return int(version.tags.get(_EVALUATED, 0)) > candidate.evaluated


def _version_of(client: Any, name: str, model: Any) -> str | None:
    """The version under which a recorded model is registered already, as when only the evaluation is run again."""
    versions = client.search_model_versions(f"name = '{name}'")
    return next((str(version.version) for version in versions if version.source == model.artifact_location), None)


def _new_version(client: Any, name: str, model: Any) -> str:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    version = client.create_model_version(name, model.artifact_location, model.source_run_id, model_id=model.model_id)
    return str(version.version)


def champion_version(name: str) -> str | None:
    """The version of the present champion; None if there is none."""
    import mlflow

    champion = if_there(lambda: mlflow.MlflowClient().get_model_version_by_alias(name, CHAMPION))
    return str(champion.version) if champion else None


def set_champion(name: str, version: str) -> None:
    """Point the alias ``champion`` at a version."""
    import mlflow

    mlflow.MlflowClient().set_registered_model_alias(name, CHAMPION, version)
