"""The node that decides whether an evaluated model becomes champion."""

from dataclasses import replace

import numpy as np

from mnist_resnet.config import Dataset, EvaluationParameters, ReleaseParameters, RobustnessParameters
from mnist_resnet.data.idx import UInt8Array
from mnist_resnet.evaluation.champion import (
    Champion,
    Contest,
    Decision,
    IncomparableError,
    NoChampion,
    Release,
    check_comparable,
    decide,
)
from mnist_resnet.evaluation.paired import Correct
from mnist_resnet.evaluation.validation_split import Validation
from mnist_resnet.storage.artifacts import sha256_of_bytes
from mnist_resnet.terminal.redaction import in_one_line


def release(
    onnx: bytes,
    champion: Champion | NoChampion,
    validation_images: UInt8Array,
    validation_labels: UInt8Array,
    metrics: dict[str, float],
    name: str,
    dataset: Dataset,
    evaluation: EvaluationParameters,
    parameters: ReleaseParameters,
) -> Release:
    """A candidate for the registry, which becomes champion if it beats the present one."""
    if champion is NoChampion.UNUSED:
        return Release(Decision(False, champion.value))
    run_by = evaluation.providers, evaluation.require_gpu, evaluation.cuda
    validation = Validation(validation_images, validation_labels, *run_by)
    contest, comparable = _alone(onnx, validation, evaluation.robustness), True
    try:
        if isinstance(champion, Champion) and len(validation.images):
            contest = replace(contest, champion=_answers(name, champion, validation, dataset))
        decision = decide(contest, parameters)
    except IncomparableError as error:
        decision, comparable = Decision(False, str(error)), False
    figures = contest.figures()
    tags = {"test_accuracy": str(metrics["test_accuracy"]), "validation_sha256": validation.digest}
    if figures["candidate"] is not None:
        tags["validation_accuracy"] = str(figures["candidate"])
    before = champion.version if isinstance(champion, Champion) else None
    return Release(decision, sha256_of_bytes(onnx), tags, before, figures, comparable)


def _alone(onnx_model: bytes, validation: Validation, parameters: RobustnessParameters) -> Contest:
    """What is known of the candidate before it meets the champion."""
    if not len(validation.images):
        return Contest(validation.labels, np.zeros(0, np.bool_), champion=None, kept_when_perturbed=None)
    correct = validation.correct(onnx_model)
    robustness = validation.robustness(onnx_model, parameters.validation_images, parameters.seed, correct)
    return Contest(validation.labels, correct, None, robustness.kept)


def _answers(name: str, champion: Champion, validation: Validation, dataset: Dataset) -> Correct:
    """Whether the champion is right on each validation image, if it can be asked that."""
    try:
        if champion.onnx is None:
            raise IncomparableError(champion.obstacle)
        check_comparable(champion.onnx, dataset)
        return validation.correct(champion.onnx)
    except Exception as error:  # of whatever its file brings about; this run's work is done
        raise IncomparableError(
            f"this model cannot be compared with version {champion.version} of '{name}', the champion: "
            f"{in_one_line(error)}. Give that alias to another version, or remove it, by `mlflow ui`; then "
            f"`kedro run --pipelines evaluate` decides"
        ) from error
