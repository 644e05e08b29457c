"""A ``kedro run`` as one MLflow run.

The catalog says what is logged: an entry's ``metadata.mlflow.as`` is ``artifact`` (its file), ``evaluation`` (its file
and its figures) or ``model`` (a served ONNX model, with ``input_example`` naming the entry whose first images
illustrate it). Figures are named ``<data set>/<group>/<figure>``, since MLflow puts the charts of a group together.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from types import TracebackType
from typing import Any

from mnist_resnet import __version__
from mnist_resnet.config import flatten
from mnist_resnet.evaluation.results import Evaluation
from mnist_resnet.hooks.run_context import RunContext
from mnist_resnet.provenance.record import FLOW, in_order, status_after
from mnist_resnet.terminal.program import command_line
from mnist_resnet.terminal.redaction import in_one_line
from mnist_resnet.tracking.description import DESCRIPTION_TAG, describe_model, describe_release, describe_run
from mnist_resnet.tracking.inputs import CONTEXTS
from mnist_resnet.tracking.logged_model import LoggedModel
from mnist_resnet.tracking.registry_datasets import ChampionDataset, ReleaseDataset
from mnist_resnet.tracking.run_creation import commit_tags
from mnist_resnet.tracking.system_metrics import SystemMetrics
from mnist_resnet.tracking.tracked_run import TrackedRun
from mnist_resnet.training.events import EpochResult, TrainingStart

logger = logging.getLogger(__name__)

_EXAMPLE_IMAGES = 2


class Tracking:
    """The MLflow run of a ``kedro run``.

    Args:
        context: The run.

    Attributes:
        run: Open from the beginning.
    """

    def __init__(self, context: RunContext) -> None:
        self._context = context
        parameters, namespaces = context.parameters, context.namespaces
        names = ",".join(in_order(_pipelines(context)))
        typed = (context.run_params.get("runtime_params") or {}).get("tracking", {})
        git = commit_tags(context.project)
        self._tags = {"command": command_line(), **git}
        self._sections: dict[str, str] = {}
        self.run = TrackedRun(
            context.project,
            parameters.tracking.experiment,
            name=f"{parameters.recipe} {names}",
            tags={"pipelines": names, "namespaces": ",".join(namespaces), **_filtering_tags(context), **self._tags},
            parameters=_flat_parameters(context),
            offline=parameters.tracking.offline,
            explicit="experiment" in typed,
        )
        self._system = SystemMetrics(self.run.started, parameters.tracking.system_metrics_seconds)
        self._described = {"recipe": parameters.recipe, "run_id": self.run.run_id, **git}

    def describe(self) -> None:
        """Tell the catalog of the run: where it is recorded, and by which run models may be registered."""
        for namespace in self._context.namespaces:
            self._context.catalog.save(f"params:{namespace}.run", self._described)
            if self._context.parameters.namespaces[namespace].release.register:
                self._let_register(namespace, self.run)

    def leave(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        """Close the run with the status that an error makes of it, as the exit of a context manager."""
        for namespace in self._context.namespaces:
            self._let_register(namespace, None)
        failure = None if error is None else in_one_line(error)
        described = describe_run(self._sections, self._tags, failure)
        try:
            self._system.close()
            self.run.log_points(self._system.take())
            self.run.set_tags({DESCRIPTION_TAG: described})
        finally:
            self.run.close(status_after(error))
        if self.run.recorder.spool_folder is not None and error is not None:
            logger.warning("%s", self.run.recorder.where())  # there is no summary to say it

    def note_saved(self, dataset_name: str, data: Any) -> None:
        """Log what the catalog says is to be logged."""
        dataset = self._context.catalog.get(dataset_name)
        namespace = dataset_name.rpartition(".")[0]
        settings = (getattr(dataset, "metadata", None) or {}).get("mlflow") or {}
        match settings.get("as"):
            case "artifact" | "evaluation":
                self.run.log_artifact(dataset.path, namespace)  # type: ignore[union-attr]
            case "model":
                self.run.log_model(self._model(namespace, data, settings))
                self.run.log_metrics({f"{namespace}/onnx_megabytes": len(data) / 1e6})
        if isinstance(data, Evaluation):
            self._log_evaluation(namespace, data)
        if isinstance(dataset, ReleaseDataset):
            self._note_release(namespace, dataset.load())

    def note_start(self, start: TrainingStart) -> None:
        """Say what a training computes on."""
        self.run.set_tags({"device": start.device.names() if start.device.kind != "CPU" else "CPU"})

    def note_epoch(self, namespace: str, result: EpochResult) -> None:
        """Log the figures of an epoch, and what the machine did since the one before."""
        values = asdict(result)
        step = values.pop("epoch")
        self._sections[namespace] = f"after epoch {step}, {result.in_words()}"
        figures = {f"{namespace}/epochs/{key}": value for key, value in values.items() if value is not None}
        self.run.log_metrics(figures, step)
        self.run.log_points(self._system.take())

    def _log_evaluation(self, namespace: str, evaluation: Evaluation) -> None:
        """Log the figures of a model; those on perturbed images are curves over the strengths, from the mildest on."""
        figures = {f"{namespace}/{name}": value for name, value in evaluation.figures().items()}
        perturbed = evaluation.robustness.perturbed.items()
        curves = {f"{namespace}/perturbed/{name}": list(accuracies.values()) for name, accuracies in perturbed}
        self.run.log_figures(figures, curves, evaluation.fp32.model_sha256, namespace, CONTEXTS["test"])
        self._describe_model(namespace, describe_model(evaluation))

    def _note_release(self, namespace: str, release: Mapping[str, Any]) -> None:
        """Say what became of a model in the registry, if it is there."""
        if release["version"] is not None:
            self.run.set_tags({f"{namespace}.release": "champion" if release["champion"] else "candidate"})
            self._sections[namespace] = f"{self._sections.get(namespace, '')} {describe_release(release)}".strip()

    def _describe_model(self, namespace: str, text: str) -> None:
        """Say what a model came to: of the run, and of its version in the registry."""
        self._sections[namespace] = text
        release = self._context.catalog.get(f"{namespace}.release")
        if isinstance(release, ReleaseDataset):
            release.description = text

    def _let_register(self, namespace: str, run: TrackedRun | None) -> None:
        """Hand the run to the entries of the catalog that reach the registry, or take it back."""
        for name in ("champion", "release"):
            dataset = self._context.catalog.get(f"{namespace}.{name}")
            if isinstance(dataset, ChampionDataset | ReleaseDataset):
                dataset.run = run

    def _model(self, namespace: str, content: bytes, settings: Mapping[str, Any]) -> LoggedModel:
        return LoggedModel(
            name=namespace,
            content=content,
            input_example=self._context.catalog.load(settings["input_example"])[:_EXAMPLE_IMAGES],
            class_names=self._context.parameters.datasets[namespace].class_names,
            providers=tuple(settings["providers"]),
        )


def _pipelines(context: RunContext) -> Iterable[str]:
    """The pipelines that were asked for by name, else those that have nodes in the run: ``training`` if all have."""
    present = context.pipelines_of()
    return context.run_params["pipeline_names"] or ({"training"} if present >= set(FLOW) else present)


def _flat_parameters(context: RunContext) -> dict[str, Any]:
    parameters, names = context.parameters, context.namespaces
    chosen = {name: asdict(parameters.namespaces[name]) for name in names}
    files = {name: asdict(parameters.datasets[name].files) for name in names}
    return flatten({"recipe": parameters.recipe, **chosen, "datasets": files})


def _filtering_tags(context: RunContext) -> dict[str, str]:
    """By which runs are found and coloured in MLflow, beside its parameters."""
    models = [context.parameters.namespaces[name].model for name in context.namespaces]
    architectures = ",".join(sorted({model.architecture for model in models}))
    return {"recipe": context.parameters.recipe, "architecture": architectures, "version": __version__}
