"""Outputs that were made from other parameters or inputs than the present ones count as missing.

When all outputs of a stage (one pipeline for one namespace) have been saved, its fingerprint is
stored. Before a run, present parameters and digests are compared with it: what no longer matches is
made again under ``--only-missing-outputs``, and refused as the input of a later stage run alone.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from pathlib import Path
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from mnist_resnet.config import outputs_folder
from mnist_resnet.datasets import ArtifactDataset
from mnist_resnet.errors import UserError
from mnist_resnet.storage.artifacts import remove, sha256_of_path
from mnist_resnet.storage.fingerprints import Fingerprint, fingerprint_path


class StaleInputError(UserError, RuntimeError):
    """The input of a stage is missing, or was made from other parameters or inputs."""


@dataclass
class _Stage:
    """One pipeline for one namespace; ``unsaved`` are the artifacts that this run has yet to make."""

    namespace: str
    name: str
    pipeline: Pipeline
    stale_because: str | None = None
    unsaved: set[str] = field(default_factory=set)


class FreshnessHooks:
    """Keep the fingerprints of all stages, and act on them."""

    def __init__(self) -> None:
        self._outputs = Path()
        self._stages: list[_Stage] = []
        self._catalog: DataCatalog | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Find the folder of the outputs."""
        self._outputs = outputs_folder(context.config_loader["globals"], context.env, context.project_path)

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Mark what is stale, and refuse to build on it."""
        self._catalog = catalog
        namespaces = {node.namespace for node in pipeline.nodes if node.namespace}
        self._stages = [stage for namespace in sorted(namespaces) for stage in _stages(namespace)]
        planned = set() if run_params["only_missing_outputs"] else pipeline.all_outputs()
        for stage in self._stages:
            self._examine(stage)
            stage.unsaved |= self._artifacts(planned & stage.pipeline.all_outputs()).keys()
        self._refuse_stale_inputs(pipeline)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, node: Node) -> None:
        """Forget a stage's fingerprint with the first output that changes, and store it anew after the last."""
        for stage in self._stages_of(node):
            if dataset_name in stage.unsaved:
                remove(self._path(stage))
            stage.unsaved.discard(dataset_name)
            if not stage.unsaved:
                self._fingerprint(stage).write(self._path(stage))

    def _examine(self, stage: _Stage) -> None:
        stored = Fingerprint.read(self._path(stage))
        upstream = [s for s in self._stages if s.namespace == stage.namespace and s.stale_because]
        behind = [s for s in upstream if s.pipeline.all_outputs() & stage.pipeline.inputs()]
        if stored is None:
            stage.stale_because = f"the {stage.name} stage has not been completed"
        elif behind:
            stage.stale_because = behind[0].stale_because
        else:
            stage.stale_because = stored.difference(self._fingerprint(stage))
        if stage.stale_because:
            outputs = self._artifacts(stage.pipeline.all_outputs())
            stage.unsaved |= outputs.keys()
            for dataset in outputs.values():
                dataset.stale = True

    def _refuse_stale_inputs(self, pipeline: Pipeline) -> None:
        needed = pipeline.inputs()
        for stage in self._stages:
            used = sorted(needed & stage.pipeline.all_outputs())
            if used and stage.stale_because:
                raise StaleInputError(
                    f"{', '.join(used)} cannot be used: {stage.stale_because}. Run `kedro run --pipelines "
                    f"{stage.name} --namespaces {stage.namespace}` first, with the same --env and --params, or "
                    f"`kedro run --pipelines training --only-missing-outputs`."
                )

    def _fingerprint(self, stage: _Stage) -> Fingerprint:
        assert self._catalog is not None
        parameters = sorted(name for name in stage.pipeline.inputs() if name.startswith("params:"))
        return Fingerprint(
            {name.removeprefix("params:"): _plain(self._catalog.load(name)) for name in parameters},
            _digests(self._artifacts(stage.pipeline.inputs())),
            _digests(self._artifacts(stage.pipeline.all_outputs())),
        )

    def _artifacts(self, names: Iterable[str]) -> dict[str, ArtifactDataset[Any]]:
        assert self._catalog is not None
        datasets = {name: self._catalog.get(name) for name in sorted(names) if not name.startswith("params:")}
        return {name: dataset for name, dataset in datasets.items() if isinstance(dataset, ArtifactDataset)}

    def _stages_of(self, node: Node) -> list[_Stage]:
        return [s for s in self._stages if s.namespace == node.namespace and s.name in node.tags]

    def _path(self, stage: _Stage) -> Path:
        return fingerprint_path(self._outputs, stage.namespace, stage.name)


def _stages(namespace: str) -> list[_Stage]:
    """The stages of a namespace in the order of the flow."""
    everything = pipelines["training"].filter(node_namespaces=[namespace])
    names = list(dict.fromkeys(tag for node in everything.nodes for tag in sorted(node.tags)))
    return [_Stage(namespace, name, everything.only_nodes_with_tags(name)) for name in names]


def _digests(datasets: Mapping[str, ArtifactDataset[Any]]) -> dict[str, str]:
    return {name: sha256_of_path(dataset.path) for name, dataset in datasets.items() if dataset.path.exists()}


def _plain(value: Any) -> Any:
    """A parameter as JSON would hold it, so that a stored one compares equal."""
    plain = asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
    return json.loads(json.dumps(plain))
