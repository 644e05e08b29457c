"""The step from an evaluated model to MLflow's registry."""

import logging
import time
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from mnist_resnet.config import Dataset, EvaluationParameters, ReleaseParameters, RobustnessParameters
from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.evaluation.champion import Contest, Decision, IncomparableError, check_comparable, decide
from mnist_resnet.evaluation.paired import Correct
from mnist_resnet.evaluation.validation_split import Validation
from mnist_resnet.storage.artifacts import sha256_of_bytes
from mnist_resnet.terminal.redaction import without_credentials
from mnist_resnet.tracking import registry
from mnist_resnet.tracking.model_lookup import download_onnx
from mnist_resnet.tracking.operations import RegisterCandidate
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
    contest = _alone(onnx_model, validation, evaluation.robustness)
    tags = {
        "test_accuracy": metrics["test_accuracy"],
        "validation_accuracy": contest.figures()["candidate"],
        "validation_sha256": validation.digest,
    }
    candidate = RegisterCandidate(name, sha256_of_bytes(onnx_model), _as_text(tags), evaluated=int(time.time() * 1000))
    outcome = run.ask(lambda: _compete(candidate, contest, validation, dataset, parameters))
    if outcome is None:
        run.register_later(candidate)
        return _undecided(name, _POSTPONED)
    return outcome


def _alone(onnx_model: bytes, validation: Validation, parameters: RobustnessParameters) -> Contest:
    """What is known of the candidate before it meets the champion."""
    if not len(validation.images):
        return Contest(validation.labels, np.zeros(0, np.bool_), champion=None, kept_when_perturbed=None)
    robustness = validation.robustness(onnx_model, parameters.validation_images, parameters.seed)
    return Contest(validation.labels, validation.correct(onnx_model), None, robustness.kept)


def _compete(
    candidate: RegisterCandidate,
    contest: Contest,
    validation: Validation,
    dataset: Dataset,
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
    level = logging.INFO
    try:
        champion = _answers(name, before, validation, dataset) if before and len(validation.images) else None
        contest = replace(contest, champion=champion)
        decision = decide(contest, parameters)
    except IncomparableError as error:
        decision, level = Decision(False, str(error)), logging.WARNING
    if decision.champion:
        registry.crown(name, version)
    standing = "is champion" if decision.champion else "stays candidate"
    logger.log(level, "%s, version %s in MLflow's registry %s: %s", dataset.title, version, standing, decision.reason)
    outcome = {"model": name, "version": version, **asdict(decision)}
    return outcome | {"champion_before": before, "contest": contest.figures()}


def _answers(champion: str, version: str, validation: Validation, dataset: Dataset) -> Correct:
    """Whether the champion is right on each validation image, if it can be asked that."""
    try:
        content = download_onnx(f"models:/{champion}/{version}")
        check_comparable(content, dataset)
        return validation.correct(content)
    except Exception as error:  # of whatever its store or its file brings about; this run's work is done
        registry.champion_version(champion)  # if the store is away, this says so
        obstacle = " ".join(without_credentials(str(error)).split())
        raise IncomparableError(
            f"this model cannot be compared with version {version} of '{champion}', the {registry.CHAMPION}: "
            f"{obstacle}. Give that alias to another version, or remove it, by `mlflow ui`; then `kedro run "
            f"--pipelines evaluate` decides"
        ) from error


def _undecided(name: str, reason: str) -> dict[str, Any]:
    return {"model": name, "version": None, "champion": False, "reason": reason}


def _as_text(tags: dict[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in tags.items()}
