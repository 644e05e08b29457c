"""All that MLflow holds of a project's runs, in a form that compares equal for equal runs."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import mlflow
import yaml

from mnist_resnet.storage.artifacts import write_files
from mnist_resnet.tracking.dead_runs import LOCK
from mnist_resnet.tracking.logged_model import LoggedModel
from mnist_resnet.tracking.operations import LogInput
from mnist_resnet.tracking.store.availability import REQUEST_SECONDS, bounded_requests
from mnist_resnet.tracking.tracked_run import TrackedRun

EXPERIMENT = "squares"
# What differs between a run and the same run again.
_OF_ONE_RUN = {"model_id", "model_uuid", "run_id", "utc_time_created", "artifact_path"}


def only_run(store: str, experiment: str = EXPERIMENT) -> mlflow.entities.Run:
    client = mlflow.MlflowClient(store)
    (run,) = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    return run


def recorded(store: str, experiment: str = EXPERIMENT) -> dict[str, Any]:
    """The only run of an experiment: parameters, metrics with their steps, tags, files by digest, models."""
    client, run = mlflow.MlflowClient(store), only_run(store, experiment)
    histories = {key: client.get_metric_history(run.info.run_id, key) for key in run.data.metrics}
    models = client.search_logged_models([run.info.experiment_id])
    assert [each.model_id for each in run.outputs.model_outputs] == [each.model_id for each in models]
    with TemporaryDirectory() as folder:
        with bounded_requests(REQUEST_SECONDS, store):
            mlflow.set_tracking_uri(store)
            mlflow.artifacts.download_artifacts(run_id=run.info.run_id, dst_path=folder)
            described = [_model(client, model, run) for model in models]
        files = {path.relative_to(folder).as_posix(): path for path in Path(folder).rglob("*") if path.is_file()}
        digests = {name: sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    return {
        "name": run.info.run_name,
        "status": run.info.status,
        "parameters": run.data.params,
        "metrics": {key: [(each.step, each.value) for each in history] for key, history in histories.items()},
        # A run that is sent later belongs to no process any more.
        "tags": {key: value for key, value in run.data.tags.items() if key != LOCK},
        "inputs": sorted((*_input(each), each.tags[0].value) for each in run.inputs.dataset_inputs),
        "files": digests,
        "models": sorted(described, key=lambda each: each["name"]),
    }


def _input(given: Any) -> tuple[str, ...]:
    described = given.dataset
    return described.name, described.digest, described.source_type, described.source, described.profile


def _model(client: mlflow.MlflowClient, model: Any, run: mlflow.entities.Run) -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        mlflow.artifacts.download_artifacts(artifact_uri=model.model_uri, dst_path=folder)
        names = sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file())
        described = yaml.safe_load((Path(folder) / "MLmodel").read_text())
        (onnx,) = Path(folder).rglob("*.onnx")
        digest = sha256(onnx.read_bytes()).hexdigest()
    assert (described["run_id"], described["model_id"]) == (run.info.run_id, model.model_id)
    assert model.source_run_id == run.info.run_id
    flavor = described["flavors"]["python_function"]
    flavor["artifacts"]["onnx"].pop("uri")
    return {
        "name": model.name,
        "status": str(model.status),
        "tags": model.tags,
        "parameters": model.params,
        "metrics": [(each.key, each.value, each.dataset_name, each.dataset_digest) for each in model.metrics or ()],
        "files": names,
        "onnx": digest,
        "described": {key: value for key, value in described.items() if key not in _OF_ONE_RUN},
    }


def opened(project: Path, **changes: Any) -> TrackedRun:
    """An open run of a project."""
    arguments: dict[str, Any] = {"experiment": EXPERIMENT, "name": "a run", "tags": {}, "parameters": {}}
    return TrackedRun(project, **(arguments | changes))


def record(
    project: Path, files: Mapping[str, bytes] = MappingProxyType({}), model: LoggedModel | None = None, **changes: Any
) -> TrackedRun:
    """A closed run of a project that holds files, by their paths among its artifacts, and a model."""
    run = opened(project, **changes)
    with TemporaryDirectory() as folder:
        write_files(Path(folder), files)
        for path in files:
            run.log_artifact(Path(folder, path), str(Path(path).parent).removeprefix("."))
    if model is not None:
        run.log_model(model)
    run.close("FINISHED")
    return run


def record_each_kind(project: Path, model: LoggedModel, **changes: Any) -> TrackedRun:
    """A closed run of a project that has one thing of each kind."""
    arguments = {"tags": {"recipe": "base"}, "parameters": {"made.training.seed": 0, "none": None}}
    run = opened(project, **(arguments | changes))
    for step in (1, 2):
        run.log_metrics({"made.train_loss": 1 / step, "made.seconds": 3.0}, step=step)
    with TemporaryDirectory() as folder:
        write_files(Path(folder), {"report.md": b"# Report", "saved_model/variables/index": b"index"})
        run.log_artifact(Path(folder, "report.md"), "made")
        run.log_artifact(Path(folder, "saved_model"), "made/saved_model")
    run.log_model(model)
    run.log_input(LogInput("made", "ab12", "training", "http", '{"url": "https://example.org"}', '{"images": 3}'))
    run.log_points([("system/cpu_utilization_percentage", 50.0, 10, 1_700_000_010_000)])
    run.log_figures(
        {"made/test_accuracy": 0.75},
        {"made/perturbed/blur": [0.5, 0.25]},
        sha256(model.content).hexdigest(),
        "made",
        "training",
    )
    run.set_tags({"mlflow.note.content": "**made**: zwölf"})
    run.close("FINISHED")
    return run
