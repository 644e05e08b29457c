"""The step from an evaluated model to MLflow's registry."""

import logging
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
from mnist_resnet.tracking.models import download_onnx

logger = logging.getLogger(__name__)


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
    if not (parameters.register and registry.is_recording()):
        return {"model": name, "version": None, "champion": False, "reason": "nothing is registered in this run"}
    validation = Validation(validation_images, validation_labels, evaluation)
    accuracy = validation.accuracy(onnx_model) if len(validation_images) else None
    tags = {
        "test_accuracy": metrics["test_accuracy"],
        "validation_accuracy": accuracy,
        "validation_sha256": validation.digest,
    }
    version = registry.register_candidate(name, sha256_of_bytes(onnx_model), tags)
    if version is None:
        reason = "this file was recorded in no run of this experiment; run the export stage with tracking on"
        return {"model": name, "version": None, "champion": False, "reason": reason}
    before = registry.champion_version(name)
    if before == version:
        return {"model": name, "version": version, "champion": True, "reason": "it is the champion already"}
    perturbed = Robustness(**robustness)
    contest = Contest(
        images=len(validation_images),
        candidate=accuracy,
        champion=_accuracy_of(f"models:/{name}@{registry.CHAMPION}", validation) if before else None,
        kept_when_perturbed=perturbed.mean_perturbed / max(perturbed.untouched, np.finfo(float).tiny),
    )
    decision = decide(contest, parameters)
    if decision.champion:
        registry.crown(name, version)
    standing = "is champion" if decision.champion else "stays candidate"
    logger.info("%s, version %s in MLflow's registry %s: %s", dataset.title, version, standing, decision.reason)
    outcome = {"model": name, "version": version, **asdict(decision)}
    return outcome | {"champion_before": before, "contest": asdict(contest)}


def _accuracy_of(uri: str, validation: Validation) -> float | None:
    return validation.accuracy(download_onnx(uri)) if len(validation.images) else None
