"""The options of ``kedro run`` that make a recorded run again, as its ``--config`` takes them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from mnist_resnet.config.renamed_parameters import with_added_parameters, with_current_names
from mnist_resnet.provenance.record import FLOW, Provenance, RunArguments, in_order

Options = dict[str, Any]

_WHOLE = {"training", "__default__"}
_SELECTING = ("node_names", "tags", "from_nodes", "from_inputs")
_LISTED = (*_SELECTING, "namespaces", "to_nodes", "to_outputs")


def run_options(record: Provenance, experiment: str) -> Options:
    """The options that repeat a run.

    The recorded parameters are given as they were resolved, so nothing depends on settings of this machine. All that
    was asked for is made, also where the run kept what was there (``--only-missing-outputs``).

    Args:
        record: The run's provenance.
        experiment: MLflow's experiment for the new run.
    """
    listed = {name: ",".join(getattr(record.run, name)) for name in _LISTED if getattr(record.run, name)}
    return _common(record, record.run.pipeline_names, {"enabled": True, "experiment": experiment}) | listed


def preparing_options(record: Provenance) -> Options | None:
    """The options that make, unrecorded, what a run found there; None if it began with nothing.

    Args:
        record: The run's provenance.
    """
    before = _pipelines_before(record.run)
    if not before:
        return None
    return _common(record, before, {"enabled": False}) | {"namespaces": ",".join(record.namespaces)}


def in_current_names(record: Provenance) -> Provenance:
    """The record of a run of any version for the present source: with the names that parameters have now.

    Args:
        record: The run's provenance.
    """
    asked = replace(record.run, runtime_params=with_current_names(record.run.runtime_params))
    return replace(record, run=asked, parameters=with_added_parameters(with_current_names(record.parameters)))


def _common(record: Provenance, pipeline_names: Iterable[str], tracking: Mapping[str, Any]) -> Options:
    typed = record.run.runtime_params
    parameters = typed | record.parameters | {"tracking": typed.get("tracking", {}) | tracking}
    asked = {"env": record.run.env, "params": parameters, "pipelines": ",".join(in_order(pipeline_names))}
    return {name: value for name, value in asked.items() if value}


def _pipelines_before(asked: RunArguments) -> list[str]:
    """The pipelines whose outputs a run may have read: up to the last that it did not run, or ran in part."""
    names = set(asked.pipeline_names) or _WHOLE
    parts = {namespace.partition(".")[2] for namespace in asked.namespaces} or {""}  # of `mnist.export`, `export`
    run = [pipeline for pipeline in FLOW if names & {pipeline, *_WHOLE} and parts & {pipeline, ""}]
    before = list(FLOW[: FLOW.index(run[-1]) + 1]) if run else []
    in_part = len(parts) > 1 or any(getattr(asked, name) for name in _SELECTING)
    while before and before[-1] in run and not in_part:
        before.pop()
    return before
