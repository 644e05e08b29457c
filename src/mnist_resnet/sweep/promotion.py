"""The winner of a sweep, offered to the model registry by the rule that any run follows."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnist_resnet.sweep.pipeline_process import run_pipelines
from mnist_resnet.sweep.trial import TrialTask, parameters_of
from mnist_resnet.terminal.paths import shown_path
from mnist_resnet.tracking.sweep_run import open_promotion

_LOG_FILE = "promotion.log"
_RELEASE_FILE = "08_reporting/{}/release.json"


@dataclass(frozen=True)
class Promotion:
    """What became of a winner.

    Attributes:
        trial: Its number.
        run_id: Of the run of its own that has offered it.
        version: In the registry; None if it was not registered.
        champion: Whether it is the champion now.
        reason: Why, or why not.
        failed: Whether its evaluation has failed, so that nothing was decided.
    """

    trial: int
    run_id: str
    version: str | None
    champion: bool
    reason: str
    failed: bool = False


def promote(task: TrialTask, namespace: str, significance: float) -> Promotion:
    """Evaluate the model of a finished trial once more, in a run that may register it.

    The figures of the run are those of the trial. Whether the model becomes champion is decided as by any run.

    Args:
        task: Of the trial.
        namespace: The data set.
        significance: The chance at which a model that is no better becomes champion, at most.
    """
    release = {f"{namespace}.release.register": True, f"{namespace}.release.significance": significance}
    command = task.plan.run_command(["evaluate"], [namespace], {**parameters_of(task), **release})
    log = task.outputs / _LOG_FILE
    record = task.record
    name = f"promotion of trial {task.trial.number}"
    with open_promotion(record.store, record.experiment, name, record.parent_id, task.project) as variables:
        run_id = variables["MLFLOW_RUN_ID"]
        ended = run_pipelines(task.project, command, task.outputs, task.plan.cpus, log, variables)
    if ended:
        reason = f"its evaluation has failed; see {shown_path(log, task.project)}"
        return Promotion(task.trial.number, run_id, None, False, reason, failed=True)
    outcome = _outcome(task.outputs / _RELEASE_FILE.format(namespace))
    return Promotion(task.trial.number, run_id, outcome["version"], outcome["champion"], outcome["reason"])


def _outcome(file: Path) -> Mapping[str, Any]:
    read: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return read
