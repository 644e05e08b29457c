"""The operations of recording a run: values that are performed at once, or kept and sent later.

Doing one twice has the effect of doing it once: parameters and metrics that are there are the same, files are written
over, models, versions and runs are looked for before they are made.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mnist_resnet.provenance.record import RunStatus
from mnist_resnet.tracking.logged_model import LoggedModel, find_logged_model, log_model
from mnist_resnet.tracking.registry import CANDIDATE, RegisterCandidate, register_candidate

logger = logging.getLogger(__name__)

# A figure's name and value, the step that it belongs to, and when it was measured, in milliseconds since 1970.
Point = tuple[str, float, int, int]
# By a figure's name, its value at each step from 1 on.
Curves = Mapping[str, Sequence[float]]
# MLflow takes no more at once.
_POINTS = 1000


@dataclass(frozen=True)
class LogParameters:
    """The run's parameters, flat."""

    values: Mapping[str, str]


@dataclass(frozen=True)
class LogMetrics:
    """Figures, with the step they belong to and when they were measured, in milliseconds since 1970.

    Those of a recorded model name it by the SHA-256 of its ONNX file, and what it was measured on as ``LogInput`` does.
    Figures with a step and a time of their own are points.
    """

    values: Mapping[str, float]
    step: int
    timestamp: int
    onnx_sha256: str = ""
    dataset: str = ""
    dataset_digest: str = ""
    points: Sequence[Point] = ()


@dataclass(frozen=True)
class LogArtifact:
    """A file, or a folder with all it holds, and the folder of the run's artifacts that it belongs in."""

    path: Path
    folder: str


@dataclass(frozen=True)
class LogInput:
    """A part of a data set that the run works on; all is text, as MLflow keeps it.

    Attributes:
        name: The data set's.
        digest: Of the part, at most 36 characters.
        context: What the run uses it for: ``training``, ``validation`` or ``testing``.
        source_type: What ``source`` is, in MLflow's words.
        source: Where it comes from, as JSON.
        profile: Its size and its whole digests, as JSON.
    """

    name: str
    digest: str
    context: str
    source_type: str
    source: str
    profile: str


@dataclass(frozen=True)
class SetTags:
    """Tags of the run."""

    values: Mapping[str, str]


@dataclass(frozen=True)
class LogModel:
    """A model to serve."""

    model: LoggedModel


@dataclass(frozen=True)
class EndRun:
    """How and when, in milliseconds since 1970, the run ended."""

    status: RunStatus
    time: int


Operation = LogParameters | LogMetrics | LogInput | SetTags | LogArtifact | LogModel | RegisterCandidate | EndRun


def points_of(curves: Curves, when: int) -> list[Point]:
    """The points of curves that were measured at one time, in milliseconds since 1970."""
    steps = {name: enumerate(values, start=1) for name, values in curves.items()}
    return [(name, float(value), step, when) for name, values in steps.items() for step, value in values]


def perform(operation: Operation, client: Any, run_id: str) -> Literal[True]:
    """Record something in a run.

    Args:
        operation: What to record.
        client: Of the store that holds the run; MLflow's present store must be the same.
        run_id: MLflow's identifier.

    Returns:
        Always true: an operation that fails raises what MLflow raises.
    """
    match operation:
        case LogParameters(values):
            _log_parameters(values, client, run_id)
        case LogMetrics():
            _log_metrics(operation, client, run_id)
        case LogInput():
            _log_input(operation, client, run_id)
        case SetTags(values):
            for key, value in values.items():
                client.set_tag(run_id, key, value)
        case LogArtifact(path, folder):
            log = client.log_artifacts if path.is_dir() else client.log_artifact
            log(run_id, str(path), folder or None)
        case LogModel(model):
            log_model(model, client, run_id)
        case RegisterCandidate():
            _register(operation, client, run_id)
        case EndRun(status, time):
            client.set_terminated(run_id, status, time)
    return True


def _register(candidate: RegisterCandidate, client: Any, run_id: str) -> None:
    if register_candidate(candidate, client, run_id):
        client.set_tag(run_id, f"{candidate.name}.release", CANDIDATE)
    else:
        logger.warning("%s is not registered: the store has no whole model of its SHA-256", candidate.name)


def _log_parameters(values: Mapping[str, str], client: Any, run_id: str) -> None:
    from mlflow.entities import Param

    client.log_batch(run_id, params=[Param(key, value) for key, value in values.items()])


def _log_metrics(figures: LogMetrics, client: Any, run_id: str) -> None:
    from mlflow.entities import Metric

    measured: dict[str, Any] = {}
    if figures.onnx_sha256:
        model = find_logged_model(figures.onnx_sha256, client, client.get_run(run_id).info.experiment_id)
        data = {"dataset_name": figures.dataset or None, "dataset_digest": figures.dataset_digest or None}
        measured = {"model_id": model.model_id, **data} if model else {}
    points = [(name, value, figures.step, figures.timestamp) for name, value in figures.values.items()]
    metrics = [Metric(name, value, when, step, **measured) for name, value, step, when in [*points, *figures.points]]
    for start in range(0, len(metrics), _POINTS):
        client.log_batch(run_id, metrics=metrics[start : start + _POINTS])


def _log_input(part: LogInput, client: Any, run_id: str) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag
    from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT

    described = Dataset(part.name, part.digest, part.source_type, part.source, profile=part.profile)
    client.log_inputs(run_id, [DatasetInput(described, [InputTag(MLFLOW_DATASET_CONTEXT, part.context)])])
