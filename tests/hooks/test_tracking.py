"""The MLflow run of a pipeline, and the entries of the catalog that may use it."""

import threading
import time
from contextlib import ExitStack
from dataclasses import replace

import mlflow
import pytest
from kedro.pipeline import node, pipeline
from mlflow.entities import Metric, RunData

from mnist_resnet import __version__
from mnist_resnet.hooks.run_context import RunContext
from mnist_resnet.hooks.tracking import Tracking
from mnist_resnet.tracking.registry_datasets import ReleaseDataset
from mnist_resnet.training.events import EpochResult, TrainingDevice, TrainingStart

MEMORY = "system/process_memory_usage_megabytes"


def runs_of_entries(context: RunContext) -> list[object]:
    return [context.catalog.get(f"mnist.{name}").run for name in ("champion", "release")]


def test_the_entries_of_the_registry_have_the_run_while_it_is_open(context: RunContext) -> None:
    with ExitStack() as stack:
        tracking = Tracking(context)
        stack.push(tracking.leave)
        tracking.describe()
        assert runs_of_entries(context) == [tracking.run] * 2
        assert context.catalog.load("params:mnist.run")["run_id"] == tracking.run.run_id
    assert runs_of_entries(context) == [None, None]


@pytest.mark.parametrize(
    ("asked", "tags", "named"),
    [
        ([], ["data", "train", "export", "evaluate"], "training"),
        ([], ["train", "data"], "data,train"),
        (["training"], ["data"], "training"),
        (["evaluate", "export"], ["export", "evaluate"], "export,evaluate"),
    ],
)
def test_a_run_is_named_by_the_pipelines_that_were_asked_for_or_are_in_it(
    context: RunContext, asked: list[str], tags: list[str], named: str
) -> None:
    nodes = [node(lambda: None, None, f"mnist.{tag}", namespace="mnist", tags=tag) for tag in tags]
    run_params = {**context.run_params, "pipeline_names": asked}
    tracking = Tracking(replace(context, pipeline=pipeline(nodes), run_params=run_params))
    tracking.leave(None, None, None)
    run = mlflow.MlflowClient(tracking.run.uri).get_run(tracking.run.run_id)
    assert (run.info.run_name, run.data.tags["pipelines"]) == (f"base {named}", named)


def test_where_models_are_not_to_be_registered_they_do_not_have_it(context: RunContext) -> None:
    chosen = context.parameters.namespaces["mnist"]
    not_registered = replace(chosen, release=replace(chosen.release, register=False))
    tracking = Tracking(replace(context, parameters=replace(context.parameters, namespaces={"mnist": not_registered})))
    tracking.describe()
    assert runs_of_entries(context) == [None, None]
    tracking.leave(None, None, None)


@pytest.mark.parametrize(("error", "status"), [(None, "FINISHED"), (ValueError, "FAILED"), (SystemExit, "KILLED")])
def test_the_error_that_ends_a_run_decides_its_status(
    context: RunContext, error: type[BaseException] | None, status: str
) -> None:
    tracking = Tracking(context)
    tracking.leave(error, error("no room") if error else None, None)
    ended = mlflow.MlflowClient(tracking.run.uri).get_run(tracking.run.run_id)
    assert ended.info.status == status
    assert ("It ended early: no room" in ended.data.tags["mlflow.note.content"]) == (error is not None)
    assert "system/cpu_utilization_percentage" in ended.data.metrics


def test_runs_of_one_process_have_samples_of_their_own(context: RunContext) -> None:
    for _ in range(2):
        tracking = Tracking(context)
        tracking.leave(None, None, None)
        (sample,) = history_of(tracking, MEMORY)
        assert sample.timestamp >= tracking.run.started
    assert [thread for thread in threading.enumerate() if thread.name == "system metrics"] == []


def history_of(tracking: Tracking, figure: str) -> list[Metric]:
    return list(mlflow.MlflowClient(tracking.run.uri).get_metric_history(tracking.run.run_id, figure))


def recorded(tracking: Tracking) -> RunData:
    """What MLflow holds of a run, which is closed."""
    tracking.leave(None, None, None)
    return mlflow.MlflowClient(tracking.run.uri).get_run(tracking.run.run_id).data


def test_an_epoch_is_recorded_with_what_the_machine_did_since_the_one_before(context: RunContext) -> None:
    sampled = replace(context.parameters.tracking, system_metrics_seconds=0.01)
    tracking = Tracking(replace(context, parameters=replace(context.parameters, tracking=sampled)))
    deadline, epoch = time.monotonic() + 30, 0
    while not history_of(tracking, MEMORY):
        assert time.monotonic() < deadline
        epoch += 1
        tracking.note_epoch("mnist", EpochResult(epoch, 0.1, 0.5, 0.8, None, None, 3.0, 100.0))
    losses = history_of(tracking, "mnist/epochs/train_loss")
    assert [(each.step, each.value) for each in losses] == [(step, 0.5) for step in range(1, epoch + 1)]
    assert "mnist/epochs/validation_loss" not in recorded(tracking).metrics


def test_a_run_is_found_by_what_it_is_and_what_it_computes_on(context: RunContext) -> None:
    tracking = Tracking(context)
    asked = {"backend": "jax", "precision": "float32", "tf32": False, "deterministic": True, "asked": {}, "count": 2}
    tracking.note_start(TrainingStart(TrainingDevice(name="NVIDIA H100", kind="GPU", **asked), {}))
    expected = {"namespaces": "mnist", "recipe": "base", "architecture": "resnet18", "version": __version__}
    assert {**expected, "device": "2 × NVIDIA H100"}.items() <= recorded(tracking).tags.items()


@pytest.mark.parametrize(("version", "tag"), [("3", "champion"), ("3", "candidate"), (None, None)])
def test_what_became_of_a_model_is_a_tag_and_a_sentence(
    context: RunContext, monkeypatch: pytest.MonkeyPatch, version: str | None, tag: str | None
) -> None:
    outcome = {"version": version, "champion": tag == "champion", "reason": "it is good"}
    monkeypatch.setattr(ReleaseDataset, "load", lambda _: outcome)
    tracking = Tracking(context)
    tracking.note_saved("mnist.release", None)
    tags = recorded(tracking).tags
    assert tags.get("mnist.release") == tag
    assert (f"Version 3 in the registry, **{tag}**: it is good." in tags["mlflow.note.content"]) == (tag is not None)
