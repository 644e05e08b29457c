"""What a recorded run is run again with: options of ``kedro run``, as its ``--config`` takes them."""

from collections.abc import Mapping
from typing import Any

from mnist_resnet.comparison.record import Record, RunRecord
from mnist_resnet.provenance.record import in_order

Options = dict[str, Any]

_STAGES = ("data", "train", "export", "evaluate")
_WHOLE = {"training", "__default__"}
_SELECTING = ("node_names", "tags", "from_nodes", "from_inputs")
_LISTED = (*_SELECTING, "namespaces", "to_nodes", "to_outputs")


def run_options(record: Record, experiment: str) -> Options:
    """The options that repeat a run.

    The recorded parameters are given as they were resolved, so nothing depends on settings of this machine. All that
    was asked for is made, also where the run kept what was there (``--only-missing-outputs``).

    Args:
        record: The run's provenance.
        experiment: MLflow's experiment for the new run.
    """
    tracking = {"enabled": True, "experiment": experiment}
    return _common(record, tracking) | _text_of(record["run"], _LISTED) | _pipelines(record["run"]["pipeline_names"])


def preparing_options(record: Record) -> Options | None:
    """The options that make, unrecorded, what a run found there; None if it began with nothing.

    Args:
        record: The run's provenance.
    """
    before = _stages_before(record["run"])
    if not before:
        return None
    namespaces = {"namespaces": ",".join(record["namespaces"])}
    return _common(record, {"enabled": False}) | namespaces | _pipelines(before)


def _common(record: Record, tracking: Mapping[str, Any]) -> Options:
    asked = record["run"]
    parameters = {**asked["runtime_params"], **record["parameters"]}
    parameters["tracking"] = {**asked["runtime_params"].get("tracking", {}), **tracking}
    environment = {"env": asked["env"]} if asked["env"] else {}
    return environment | {"params": parameters}


def _pipelines(names: list[str]) -> Options:
    return {"pipelines": ",".join(in_order(names))} if names else {}


def _text_of(asked: Mapping[str, Any], names: tuple[str, ...]) -> Options:
    return {name: ",".join(asked[name]) for name in names if asked.get(name)}


def _stages_before(asked: RunRecord) -> list[str]:
    """The stages whose outputs a run may have read: up to the last that it did not make, or made in part."""
    names = set(asked["pipeline_names"]) or _WHOLE
    wanted = [stage for stage in _STAGES if stage in names or names & _WHOLE]
    if not wanted:
        return []
    up_to_last = list(_STAGES[: _STAGES.index(wanted[-1]) + 1])
    if any(asked.get(name) for name in _SELECTING):
        return up_to_last
    while up_to_last and up_to_last[-1] in wanted:
        up_to_last.pop()
    return up_to_last
