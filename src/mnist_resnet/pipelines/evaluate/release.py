"""The step from an evaluated model to MLflow's registry."""

import logging
import time
from dataclasses import asdict
from typing import Any

import numpy as np

from mnist_resnet.artifacts import sha256_of_bytes
from mnist_resnet.config import Dataset, EvaluationParameters, ReleaseParameters
from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.evaluation.champion import Contest, decide
from mnist_resnet.evaluation.robustness import Robustness
from mnist_resnet.evaluation.validation import Validation
from mnist_resnet.tracking import registry
from mnist_resnet.tracking.models import RecordedModelError, download_onnx
from mnist_resnet.tracking.operations import Candidate
from mnist_resnet.tracking.run import open_run

logger = logging.getLogger(__name__)

_POSTPONED = (
    "MLflow's registry is not at hand: `kedro sync-tracking` registers this model as candidate; then `kedro run "
    "--pipelines evaluate` decides who is champion"
)


def release(
    onnx_model: bytes,
    validation_images: UInt8Array,
    validation_labels: UInt8Array,
    robustness: dict[str, Any],
    metrics: dict[str, float],
    name: str,
    dataset: Dataset,
    evaluation: EvaluationParameters,
    parameters: ReleaseParameters,
) -> dict[str, Any]:
    """Register the model as candidate, and as champion if it beats the present one; what became of it."""
    run = open_run()
    if run is None or not parameters.register:
        return _undecided(name, "nothing is registered in this run")
    validation = Validation(validation_images, validation_labels, evaluation.providers)
    accuracy = validation.accuracy(onnx_model) if len(validation_images) else None
    tags = {
        "test_accuracy": metrics["test_accuracy"],
        "validation_accuracy": accuracy,
        "validation_sha256": validation.digest,
    }
    candidate = Candidate(name, sha256_of_bytes(onnx_model), _as_text(tags), evaluated=int(time.time() * 1000))
    kept = Robustness(**robustness)
    kept_when_perturbed = kept.mean_perturbed / max(kept.untouched, np.finfo(float).tiny)
    outcome = run.ask(lambda: _compete(candidate, accuracy, kept_when_perturbed, validation, dataset.title, parameters))
    if outcome is None:
        run.register_later(candidate)
        return _undecided(name, _POSTPONED)
    return outcome


def _compete(
    candidate: Candidate,
    accuracy: float | None,
    kept_when_perturbed: float,
    validation: Validation,
    title: str,
    parameters: ReleaseParameters,
) -> dict[str, Any]:
    name = candidate.name
    version = registry.register_candidate(name, candidate.onnx_sha256, candidate.tags, candidate.evaluated)
    if version is None:
        return _undecided(
            name, "this file was recorded in no run of this experiment; run the export stage with tracking on"
        )
    before = registry.champion_version(name)
    if before == version:
        return {"model": name, "version": version, "champion": True, "reason": "it is the champion already"}
    contest = Contest(
        images=len(validation.images),
        candidate=accuracy,
        champion=_champion_accuracy(name, validation) if before else None,
        kept_when_perturbed=kept_when_perturbed,
    )
    decision = decide(contest, parameters)
    if decision.champion:
        registry.crown(name, version)
    standing = "is champion" if decision.champion else "stays candidate"
    logger.info("%s, version %s in MLflow's registry %s: %s", title, version, standing, decision.reason)
    outcome = {"model": name, "version": version, **asdict(decision)}
    return outcome | {"champion_before": before, "contest": asdict(contest)}


def _undecided(name: str, reason: str) -> dict[str, Any]:
    return {"model": name, "version": None, "champion": False, "reason": reason}


def _as_text(tags: dict[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in tags.items()}


def _champion_accuracy(name: str, validation: Validation) -> float | None:
    if not len(validation.images):
        return None
    try:
        champion = download_onnx(f"models:/{name}@{registry.CHAMPION}")
    except RecordedModelError as error:
        version = registry.champion_version(name)  # if the store is away, this says so
        raise RecordedModelError(
            f"'{name}' has version {version} as {registry.CHAMPION}, which cannot be read to compare this model with. "
            f"Give that alias to another version, or remove it, by `mlflow ui`. {error}"
        ) from None
    return validation.accuracy(champion)
