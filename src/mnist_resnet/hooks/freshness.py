"""Outputs that were made from other parameters or inputs than the present ones count as missing.

When all outputs of a pipeline have been saved for a data set, a fingerprint of both is stored. Before a run, present
parameters and digests are compared with it: what no longer matches is made again under ``--only-missing-outputs``, and
refused as the input of a later pipeline that is run alone. While the run goes on, an artifact that something else has
written since is refused, too.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, is_dataclass
from pathlib import Path
from typing import Any

from kedro.framework.project import pipelines
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from mnist_resnet.datasets import ArtifactDataset
from mnist_resnet.errors import UserError
from mnist_resnet.hooks.run_context import RunContext
from mnist_resnet.pipelines.wiring import TOLD_BY_THE_RUN, dataset_of
from mnist_resnet.storage.artifacts import remove
from mnist_resnet.storage.fingerprints import Fingerprint, fingerprint_path


class StaleInputError(UserError, RuntimeError):
    """The input of a pipeline is missing, or was made from other parameters or inputs."""


@dataclass
class _Part:
    """One pipeline for one data set; ``unsaved`` are the artifacts that this run has yet to make."""

    namespace: str
    name: str
    pipeline: Pipeline
    stale_because: str | None = None
    unsaved: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class _Known:
    """An artifact as this run has made or found it."""

    digest: str | None
    state: tuple[int, ...] | None


class Freshness:
    """The fingerprints of all pipelines of a run's data sets.

    Args:
        context: The run. What is stale in its catalog is marked so.

    Raises:
        StaleInputError: If the run would build on what is stale.
    """

    def __init__(self, context: RunContext) -> None:
        self._catalog, self._outputs = context.catalog, context.outputs
        self._known: dict[str, _Known] = {}
        self._parts = [part for namespace in context.namespaces for part in _parts(namespace)]
        planned = [] if context.run_params["only_missing_outputs"] else context.pipeline.nodes
        for part in self._parts:
            self._examine(part)
            part.unsaved |= self._artifacts(_made_anew(part.pipeline, {node.name for node in planned})).keys()
        self._refuse_stale_inputs(context.pipeline)

    def note_saved(self, dataset_name: str, node: Node) -> None:
        """Forget a fingerprint with the first output that changes, and store it anew after the last."""
        if dataset := self._artifacts([dataset_name]).get(dataset_name):
            self._known[dataset_name] = _Known(dataset.digest(), dataset.state())
        for part in self._parts:
            if part.namespace != dataset_of(node) or part.name not in node.tags:
                continue
            if dataset_name in part.unsaved:
                remove(self._path(part))
            part.unsaved.discard(dataset_name)
            if not part.unsaved:
                self._fingerprint(part).write(self._path(part))
                self._remove_checkpoint(part)

    def check_unchanged(self, dataset_name: str) -> None:
        """Refuse to load an artifact that is not as this run has made it, or found it when it began.

        Raises:
            StaleInputError: If something else has written it since.
        """
        known, dataset = self._known.get(dataset_name), self._artifacts([dataset_name]).get(dataset_name)
        if known is None or dataset is None or (known.state is not None and dataset.state() == known.state):
            return
        if dataset.digest() not in {known.digest, None}:  # what is not there any more, loading it tells
            raise StaleInputError(
                f"{dataset_name} has been changed by something else while this run went on: {dataset.path} is not as "
                f"the run has made or found it. Run again once nothing else writes there"
            )

    def _remove_checkpoint(self, part: _Part) -> None:
        """Nobody goes on from the checkpoint of a training once all that is made of it counts as done."""
        name = f"params:{part.namespace}.checkpoint_folder"
        if name in part.pipeline.inputs():
            remove(self._catalog.load(name))

    def _examine(self, part: _Part) -> None:
        stored = Fingerprint.read(self._path(part))
        upstream = [each for each in self._parts if each.namespace == part.namespace and each.stale_because]
        behind = [each for each in upstream if each.pipeline.all_outputs() & part.pipeline.inputs()]
        if stored is None:
            part.stale_because = f"the {part.name} pipeline has not been completed"
        elif behind:
            part.stale_because = behind[0].stale_because
        else:
            part.stale_because = stored.difference(self._fingerprint(part))
        if part.stale_because:
            outputs = self._artifacts(part.pipeline.all_outputs())
            part.unsaved |= outputs.keys()
            for dataset in outputs.values():
                dataset.stale = True

    def _refuse_stale_inputs(self, pipeline: Pipeline) -> None:
        needed = pipeline.inputs()
        for part in self._parts:
            used = sorted(needed & part.pipeline.all_outputs())
            if used and part.stale_because:
                raise StaleInputError(
                    f"{', '.join(used)} cannot be used: {part.stale_because}. Run `kedro run --pipelines "
                    f"{part.name} --namespaces {part.namespace}` first, with the same --env and --params, or "
                    f"`kedro run --pipelines training --only-missing-outputs`."
                )

    def _fingerprint(self, part: _Part) -> Fingerprint:
        told = {f"params:{part.namespace}.{name}" for name in TOLD_BY_THE_RUN}
        parameters = sorted(name for name in part.pipeline.inputs() - told if name.startswith("params:"))
        return Fingerprint(
            {name.removeprefix("params:"): _plain(self._catalog.load(name)) for name in parameters},
            self._digests(part.pipeline.inputs()),
            self._digests(part.pipeline.all_outputs()),
        )

    def _digests(self, names: Iterable[str]) -> dict[str, str]:
        """The digests of those artifacts that are there, as they were made or found."""
        found: dict[str, str] = {}
        for name, dataset in self._artifacts(names).items():
            if name not in self._known:
                self._known[name] = _Known(dataset.digest(), dataset.state())
            if digest := self._known[name].digest:
                found[name] = digest
        return found

    def _artifacts(self, names: Iterable[str]) -> dict[str, ArtifactDataset[Any]]:
        datasets = {name: self._catalog.get(name) for name in sorted(names) if not name.startswith("params:")}
        return {name: dataset for name, dataset in datasets.items() if isinstance(dataset, ArtifactDataset)}

    def _path(self, part: _Part) -> Path:
        return fingerprint_path(self._outputs, part.namespace, part.name)


def _parts(namespace: str) -> list[_Part]:
    """The pipelines of a data set in the order of the flow."""
    everything = pipelines["training"].filter(node_namespaces=[namespace])
    names = dict.fromkeys(tag for node in everything.nodes for tag in sorted(node.tags))
    return [_Part(namespace, name, everything.only_nodes_with_tags(name)) for name in names]


def _made_anew(pipeline: Pipeline, planned: set[str]) -> set[str]:
    """The outputs of the nodes that are run, and of those behind them, which a run of a part may leave out."""
    names = [node.name for node in pipeline.nodes if node.name in planned]
    return set(pipeline.from_nodes(*names).all_outputs()) if names else set()


def _plain(value: Any) -> Any:
    """A parameter as JSON would hold it, so that a stored one compares equal."""
    plain = asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
    return json.loads(json.dumps(plain))
