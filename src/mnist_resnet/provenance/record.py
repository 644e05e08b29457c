"""The record of one run, as it is written to ``provenance.json``."""

import json
import os
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from mnist_resnet.config import Parameters
from mnist_resnet.provenance.environment import Environment
from mnist_resnet.provenance.source import PATCH_FILE, Patch, Source

SCHEMA = 1
# Set for a run that another command makes: what was typed, and whether the project's folder goes away afterwards.
COMMAND_VARIABLE, TEMPORARY_VARIABLE = "MNIST_RESNET_COMMAND", "MNIST_RESNET_TEMPORARY"
PROVENANCE_FILE = "provenance.json"

_SEVERAL = (
    *("namespaces", "tags", "node_names"),
    *("from_nodes", "to_nodes", "from_inputs", "to_outputs"),
)

# In the order of the flow; Kedro hands over what was asked for in any order.
_PIPELINES = ("data", "train", "export", "evaluate", "training")

Status = Literal["RUNNING", "FINISHED", "FAILED"]
Stages = dict[str, dict[str, Any]]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def typed_command() -> list[str]:
    """The words after ``kedro`` of what a person has typed, also where that has started this process."""
    return shlex.split(os.environ.get(COMMAND_VARIABLE, "")) or sys.argv[1:]


def in_order(pipeline_names: Iterable[str]) -> list[str]:
    """Names of pipelines in the order of the flow; others after them, by the alphabet."""
    places = {name: place for place, name in enumerate(_PIPELINES)}
    return sorted(pipeline_names, key=lambda name: (places.get(name, len(places)), name))


@dataclass(frozen=True)
class RunArguments:
    """What was asked of ``kedro run``; empty or None where nothing was said.

    Attributes:
        command: The words after ``kedro``; of whatever called it, if that was no command.
        env: The recipe's environment.
        runtime_params: As given by ``--params``, nested.
        namespaces: Those asked for; none stands for all.
    """

    command: Sequence[str]
    env: str | None
    pipeline_names: Sequence[str]
    namespaces: Sequence[str]
    runtime_params: Mapping[str, Any]
    tags: Sequence[str]
    node_names: Sequence[str]
    from_nodes: Sequence[str]
    to_nodes: Sequence[str]
    from_inputs: Sequence[str]
    to_outputs: Sequence[str]
    only_missing_outputs: bool

    @classmethod
    def of(cls, run_params: Mapping[str, Any], command: Sequence[str]) -> "RunArguments":
        """Pick them from what Kedro hands to its hooks.

        Args:
            run_params: As Kedro's ``before_pipeline_run`` receives them.
            command: The words after ``kedro``.
        """
        return cls(
            command=list(command),
            env=run_params.get("env"),
            runtime_params=dict(run_params.get("runtime_params") or {}),
            only_missing_outputs=bool(run_params.get("only_missing_outputs")),
            pipeline_names=in_order(run_params.get("pipeline_names") or []),
            **{name: list(run_params.get(name) or []) for name in _SEVERAL},
        )


@dataclass
class Provenance:
    """One run's record, which grows while the run goes on.

    Attributes:
        run: What was asked for.
        parameters: Resolved, nested as in the configuration; see ``resolved_parameters``.
        environment: What computes.
        source: The code; None if git tells of no commit.
        source_missing_because: The reason, if there is no source.
        catalog: Where the artifacts are kept; see ``collect_catalog``.
        namespaces: For each data set, for each of ``STAGES`` that the run made or used, its values.
        precision: For each data set that was trained, the precision that ``auto`` came to.
    """

    run: RunArguments
    parameters: Mapping[str, Any]
    environment: Environment
    source: Source | None
    catalog: Mapping[str, Mapping[str, str]]
    namespaces: dict[str, Stages]
    precision: dict[str, str] = field(default_factory=dict)
    started: str = field(default_factory=_now)
    source_missing_because: str | None = None

    def add(self, namespace: str, stage: str, values: Mapping[str, Any]) -> None:
        """Record values of a stage, over those that it has by the same names."""
        self.namespaces.setdefault(namespace, {}).setdefault(stage, {}).update(values)

    def as_json(self, status: Status) -> str:
        """The text of ``provenance.json``.

        Args:
            status: How the run stands; unless RUNNING, now is noted as its end.
        """
        record = {
            "schema": SCHEMA,
            "status": status,
            "started": self.started,
            "ended": None if status == "RUNNING" else _now(),
            "run": asdict(self.run),
            "parameters": self.parameters,
            "environment": asdict(self.environment),
            "source": _described(self.source),
            "source_missing_because": self.source_missing_because,
            "catalog": self.catalog,
            "precision": self.precision,
            "namespaces": self.namespaces,
        }
        return json.dumps(record, indent=1, default=str) + "\n"


def resolved_parameters(parameters: Parameters, namespaces: Sequence[str]) -> dict[str, Any]:
    """The parameters of a run, under the keys that ``--params`` takes."""
    chosen = {name: asdict(parameters.namespaces[name]) for name in namespaces}
    datasets = {name: asdict(parameters.datasets[name]) for name in namespaces}
    return {"recipe": parameters.recipe, "datasets": datasets, **chosen}


def _described(source: Source | None) -> dict[str, Any] | None:
    if source is None:
        return None
    patch = _described_patch(source.patch) if source.patch else None
    return {"commit": source.commit, "dirty": source.dirty, "patch": patch}


def _described_patch(patch: Patch) -> dict[str, Any]:
    return {
        "file": None if patch.content is None else PATCH_FILE,
        "sha256": patch.sha256,
        "size": patch.size,
        "left_out": list(patch.left_out),
    }
