"""Every ``kedro run`` as one MLflow run.

The catalog says what is logged: an entry's ``metadata.mlflow.as`` is ``artifact`` (its file),
``metrics`` (its values, under the namespace) or ``model`` (a served ONNX model, with
``input_example`` naming the entry whose first images illustrate it).
"""

import logging
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from mnist_resnet.config import Parameters, flatten, validate_parameters
from mnist_resnet.provenance.record import RunStatus, in_order, typed_command
from mnist_resnet.provenance.source import collect_commit
from mnist_resnet.terminal import signals
from mnist_resnet.terminal.paths import shown_path
from mnist_resnet.terminal.redaction import without_credentials
from mnist_resnet.tracking.logged_model import LoggedModel
from mnist_resnet.tracking.run import TrackedRun
from mnist_resnet.tracking.store.experiments import chosen_experiment
from mnist_resnet.training.events import EpochResult, listening

logger = logging.getLogger(__name__)

_EXAMPLE_IMAGES = 2


class TrackingHooks:
    """Open the run before the pipeline, fill it from the catalog, close it with the true status."""

    def __init__(self) -> None:
        self._project = Path()
        self._parameters: Parameters | None = None
        self._catalog: DataCatalog | None = None
        self._namespace = ""
        self._run: TrackedRun | None = None
        self._listening = ExitStack()
        self.where = ""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Note where the project is and what is configured."""
        self._project = context.project_path
        self._parameters = validate_parameters(context.config_loader["parameters"])

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Open the run and log its parameters."""
        self._close("KILLED")  # an earlier run of this process was interrupted
        self._catalog, self.where = catalog, ""
        if self._parameters is None or not self._parameters.tracking.enabled:
            return
        namespaces = sorted({node.namespace for node in pipeline.nodes if node.namespace})
        git = _git_tags(self._project)
        names = ",".join(in_order(run_params["pipeline_names"] or ["training"]))
        asked = (run_params.get("runtime_params") or {}).get("tracking", {}).get("experiment")
        self._run = TrackedRun(
            self._project,
            chosen_experiment(asked, self._parameters.tracking.experiment),
            name=f"{self._parameters.recipe} {names}",
            tags={"recipe": self._parameters.recipe, "pipelines": names, "namespaces": ",".join(namespaces)}
            | {"command": " ".join(["kedro", *typed_command()])}
            | git,
            parameters=_flat_parameters(self._parameters, namespaces),
            offline=self._parameters.tracking.offline,
        )
        self._listening.enter_context(listening(self._log_epoch))
        for namespace in namespaces:
            catalog.save(f"{namespace}.run", {"recipe": self._parameters.recipe, "run_id": self._run.run_id, **git})

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """Note which data set the news of a training belongs to."""
        self._namespace = node.namespace or ""

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Log what the catalog says is to be logged."""
        if self._run is None or self._catalog is None:
            return
        dataset = self._catalog.get(dataset_name)
        namespace = dataset_name.rpartition(".")[0]
        match ((getattr(dataset, "metadata", None) or {}).get("mlflow") or {}).get("as"):
            case "artifact":
                self._run.log_artifact(dataset.path, namespace)  # type: ignore[union-attr]
            case "metrics":
                self._run.log_metrics({f"{namespace}.{key}": value for key, value in data.items()})
            case "model":
                self._run.log_model(self._model(namespace, data, dataset.metadata["mlflow"]))  # type: ignore[union-attr]

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Close the run as finished."""
        self._close("FINISHED")

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Close the run as failed; or as killed, where a library has made an error of a signal."""
        spooled = self._run is not None and self._run.spool_folder is not None
        self._close("KILLED" if signals.requested() else "FAILED")
        if spooled:
            logger.warning("%s", self.where)  # there is no summary to say it

    @property
    def run(self) -> TrackedRun | None:
        """The run, while it is open."""
        return self._run

    def _close(self, status: RunStatus) -> None:
        self._listening.close()
        run, self._run = self._run, None
        if run is not None:
            run.close(status)
            self.where = _where(run, self._project)

    def _log_epoch(self, result: EpochResult) -> None:
        assert self._run is not None
        values = asdict(result)
        step = values.pop("epoch")
        measured = {f"{self._namespace}.{key}": value for key, value in values.items() if value is not None}
        self._run.log_metrics(measured, step=step)

    def _model(self, namespace: str, content: bytes, settings: dict[str, Any]) -> LoggedModel:
        assert self._parameters is not None
        assert self._catalog is not None
        return LoggedModel(
            name=namespace,
            content=content,
            input_example=self._catalog.load(settings["input_example"])[:_EXAMPLE_IMAGES],
            class_names=self._parameters.datasets[namespace].class_names,
            providers=tuple(settings["providers"]),
        )


def _where(run: TrackedRun, project: Path) -> str:
    store = without_credentials(run.uri)
    if run.spool_folder is None:
        return f"MLflow run: {run.run_id} in {store} (see it with `mlflow ui`)"
    folder = shown_path(run.spool_folder, project)
    return f"MLflow run: {run.run_id}, kept in {folder}; `kedro sync-tracking` sends it to {store}"


def _flat_parameters(parameters: Parameters, namespaces: list[str]) -> dict[str, Any]:
    chosen = {name: asdict(parameters.namespaces[name]) for name in namespaces}
    files = {name: asdict(parameters.datasets[name].files) for name in namespaces}
    return flatten({"recipe": parameters.recipe, **chosen, "datasets": files})


def _git_tags(project: Path) -> dict[str, str]:
    """The commit and whether the tree differs from it; nothing outside a repository."""
    source = collect_commit(project)
    return {"git_commit": source.commit, "git_dirty": str(source.dirty).lower()} if source else {}
