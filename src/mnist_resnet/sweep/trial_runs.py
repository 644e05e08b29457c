"""The MLflow runs of a sweep's trials, which are children of the sweep's own."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast, get_args

from mnist_resnet.sweep.plan import Trial
from mnist_resnet.sweep.trial_result import Figures, Status, TrialResult
from mnist_resnet.tracking.dead_runs import reopen
from mnist_resnet.tracking.store.availability import retry_while_away
from mnist_resnet.tracking.store.experiments import runs_in

_PARENT, _NUMBER, _IDENTITY = "mlflow.parentRunId", "sweep.trial", "sweep.identity"
_OVERRIDES, _OUTCOME, _REASON, _SECONDS = "sweep.overrides", "sweep.outcome", "sweep.reason", "sweep.seconds"
_KEEPS_BEST = "training.keep_best_epoch"
# MLflow knows no pruned runs. They are ended early on purpose, as KILLED, and this tag tells the difference.
_AS_MLFLOW: Mapping[Status, str] = {"FINISHED": "FINISHED", "PRUNED": "KILLED", "FAILED": "FAILED", "KILLED": "KILLED"}


Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


def _patiently(question: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
    """A function that waits while the store is away; what it asks for may be asked several times."""

    @wraps(question)
    def asked(*arguments: Arguments.args, **options: Arguments.kwargs) -> Answer:
        return retry_while_away(lambda: question(*arguments, **options))

    return asked


@dataclass(frozen=True)
class SweepRecord:
    """Where a sweep is recorded.

    Attributes:
        store: MLflow's tracking URI.
        experiment: The name of the experiment.
        parent_id: The sweep's own run.
        namespaces: The data sets of each trial.
    """

    store: str
    experiment: str
    parent_id: str
    namespaces: tuple[str, ...]

    @property
    def client(self) -> Any:
        """MLflow's client for the store."""
        from mlflow import MlflowClient

        return MlflowClient(self.store)


@_patiently
def open_child(record: SweepRecord, trial: Trial, lock: Mapping[str, str] | None = None) -> tuple[str, float]:
    """The run of a trial, open to be filled: that of an earlier process of the same trial, or a new one.

    A trial whose process has died, or which was interrupted, goes on in its run. That is no new run that looks like an
    old one: the outputs, the checkpoint and all that is recorded so far are the same trial's.

    Args:
        record: Where the sweep is recorded.
        trial: Which trial.
        lock: The tag by which others know that it is open, see ``tracking.dead_runs``.

    Returns:
        MLflow's identifier, and how many seconds earlier processes have spent.
    """
    client, found = record.client, _children(record, f"tags.`{_IDENTITY}` = '{trial.identity}'")
    if found:
        run = found[0]
        for key, value in {_OUTCOME: "", **(lock or {})}.items():
            client.set_tag(run.info.run_id, key, value)
        reopen(client, run)
        return run.info.run_id, float(run.data.tags.get(_SECONDS, 0))
    experiment = client.get_experiment_by_name(record.experiment).experiment_id
    tags = {_PARENT: record.parent_id, _NUMBER: str(trial.number), _IDENTITY: trial.identity, **(lock or {})}
    tags[_OVERRIDES] = json.dumps(dict(trial.overrides))
    run = client.create_run(experiment, run_name=f"trial {trial.number}: {trial.in_words()}"[:250], tags=tags)
    return run.info.run_id, 0.0


@_patiently
def end_child(record: SweepRecord, run_id: str, status: Status, reason: str | None, seconds: float) -> None:
    """End the run of a trial, and say how the trial has ended.

    Args:
        record: Where the sweep is recorded.
        run_id: Of the trial.
        status: How it ended.
        reason: Why it failed; else None.
        seconds: All its processes together have spent.
    """
    client = record.client
    for key, value in {_OUTCOME: status, _REASON: reason or "", _SECONDS: f"{seconds:.1f}"}.items():
        client.set_tag(run_id, key, value)
    client.set_terminated(run_id, _AS_MLFLOW[status])


@_patiently
def close_dead_children(record: SweepRecord) -> None:
    """Mark as KILLED the trials that are RUNNING by the record, whose driver and workers are known to be dead."""
    for run in _children(record, "attributes.status = 'RUNNING'"):
        seconds = float(run.data.tags.get(_SECONDS, 0))
        end_child(record, run.info.run_id, "KILLED", None, seconds)


@_patiently
def read_results(record: SweepRecord) -> list[TrialResult]:
    """How each trial ended that was begun, by its number."""
    results = [_result(record, run) for run in _children(record)]
    return sorted(results, key=lambda result: result.trial.number)


@_patiently
def read_result(record: SweepRecord, run_id: str) -> TrialResult:
    """How a trial ended."""
    return _result(record, record.client.get_run(run_id))


def _children(record: SweepRecord, condition: str = "") -> list[Any]:
    asked = " and ".join(filter(None, [f"tags.`{_PARENT}` = '{record.parent_id}'", condition]))
    return runs_in(record.client, record.experiment, asked)


def _result(record: SweepRecord, run: Any) -> TrialResult:
    tags = run.data.tags
    trial = Trial(int(tags[_NUMBER]), json.loads(tags[_OVERRIDES]))
    status = tags.get(_OUTCOME) or "KILLED"  # its process has died without a word
    assert status in get_args(Status)
    figures = {name: _figures(record, run, name) for name in record.namespaces}
    return TrialResult(
        trial=trial,
        status=cast("Status", status),
        run_id=run.info.run_id,
        seconds=float(tags.get(_SECONDS, 0)),
        figures={name: each for name, each in figures.items() if each.epochs},
        reason=tags.get(_REASON) or None,
    )


def _figures(record: SweepRecord, run: Any, namespace: str) -> Figures:
    losses = _by_epoch(record, run, namespace, "validation_loss")
    accuracies = _by_epoch(record, run, namespace, "validation_accuracy")
    kept = max(losses, default=0)
    if losses and run.data.params.get(f"{namespace}.{_KEEPS_BEST}") == "True":
        kept = min(losses, key=lambda epoch: (math.isnan(losses[epoch]), losses[epoch]))  # as training.fit keeps it
    return Figures(
        validation_loss=losses.get(kept),
        validation_accuracy=accuracies.get(kept),
        test_accuracy=run.data.metrics.get(f"{namespace}/test_accuracy"),
        epochs=len(_by_epoch(record, run, namespace, "train_loss")),
        losses=tuple(losses[epoch] for epoch in sorted(losses)),
    )


def _by_epoch(record: SweepRecord, run: Any, namespace: str, figure: str) -> dict[int, float]:
    """A figure by epoch; one that a resumed trial has told twice is the same."""
    key = f"{namespace}/epochs/{figure}"
    if key not in run.data.metrics:
        return {}
    return {each.step: each.value for each in record.client.get_metric_history(run.info.run_id, key)}
