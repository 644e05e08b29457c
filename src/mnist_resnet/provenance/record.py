"""The record of one run, as it is written to ``provenance.json`` and read from it.

The fields and their meaning: docs/reproducibility.md.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, TypeAdapter

from mnist_resnet.config import Parameters
from mnist_resnet.provenance.environment import Environment
from mnist_resnet.provenance.source import Source, is_same_source
from mnist_resnet.provenance.steps import STEPS, RecordedSteps, Values
from mnist_resnet.terminal import signals
from mnist_resnet.training.events import TrainingDevice, TrainingStopped

SCHEMA: Literal[1] = 1
PROVENANCE_FILE = "provenance.json"
# The pipelines in the order of the flow; Kedro hands over what was asked for in any order.
FLOW = ("data", "train", "export", "evaluate")

RunStatus = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]


@dataclass(frozen=True, kw_only=True)
class RunArguments:
    """What was asked of ``kedro run``; empty or None where nothing was said.

    Attributes:
        command: The words after ``kedro``; of whatever called it, if that was no command.
        env: The recipe's environment.
        runtime_params: As given by ``--params``, nested.
        namespaces: Those asked for; none stands for all.
    """

    command: tuple[str, ...] = ()
    env: str | None
    pipeline_names: tuple[str, ...]
    namespaces: tuple[str, ...] = ()
    runtime_params: Values
    tags: tuple[str, ...] = ()
    node_names: tuple[str, ...] = ()
    from_nodes: tuple[str, ...] = ()
    to_nodes: tuple[str, ...] = ()
    from_inputs: tuple[str, ...] = ()
    to_outputs: tuple[str, ...] = ()
    only_missing_outputs: bool = False

    @classmethod
    def of(cls, run_params: Mapping[str, Any], command: Sequence[str]) -> "RunArguments":
        """Pick them from what Kedro hands to its hooks.

        Args:
            run_params: As Kedro's ``before_pipeline_run`` receives them.
            command: The words after ``kedro``.
        """
        given = {name: value for name, value in run_params.items() if value}
        asked = {"env": None, "pipeline_names": (), "runtime_params": {}} | given | {"command": tuple(command)}
        typed = TypeAdapter(cls).validate_python(asked)
        return replace(typed, pipeline_names=tuple(in_order(typed.pipeline_names)))


def _nested(parameters: Values) -> Values:
    if "datasets" not in parameters:
        raise ValueError("datasets is missing")
    for name, concerns in parameters.items():
        if name != "recipe" and not (
            isinstance(concerns, dict) and all(isinstance(values, dict) for values in concerns.values())
        ):
            raise ValueError(f"{name} is no set of nested parameters")
    return parameters


@dataclass(kw_only=True)
class Provenance:
    """One run's record, which grows while the run goes on.

    What has a default is not in the records of all versions. Fields that a later version has added are ignored.

    Attributes:
        started: In ISO 8601, UTC.
        ended: Likewise; None while the run goes on.
        run: What was asked for.
        parameters: Resolved, nested as in the configuration; see ``resolved_parameters``.
        environment: What computes.
        backends: Keras' backend and its version, for each of the pipelines ``train`` and ``export`` in the run.
        source: The code; None if git tells of no commit.
        source_missing_because: The reason, if there is no source.
        source_changed: Whether files of the package changed after a process of the run had imported them, or between
            two processes that have filled it, so that the source may be another.
        catalog: Where the artifacts are kept; see ``collect_catalog``.
        precision: For each data set that was trained, the precision that ``auto`` came to.
        training_devices: Likewise, what the training computed on and how.
        resumed_epochs: Likewise, how many epochs an earlier process had trained, whose source and machine are not told
            here.
        found: The artifacts that are recorded, but were there before the run.
        namespaces: For each data set, for each of ``STEPS`` that the run made or used, its values.
    """

    schema: Literal[1]
    status: RunStatus
    started: str = ""
    ended: str | None = None
    run: RunArguments
    parameters: Annotated[Values, AfterValidator(_nested)]
    environment: Environment
    backends: dict[str, str] | None = None
    source: Source | None
    source_missing_because: str | None = None
    source_changed: bool = False
    catalog: dict[str, Values] | None = None
    precision: dict[str, str]
    training_devices: dict[str, TrainingDevice] = field(default_factory=dict)
    resumed_epochs: dict[str, int] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)
    namespaces: dict[str, RecordedSteps]

    def training(self, namespace: str) -> Values:
        """The parameters by which a data set's network was trained; empty if there are none."""
        training: Values = self.parameters.get(namespace, {}).get("training", {})
        return training

    def add(self, namespace: str, step: str, values: Mapping[str, Any]) -> None:
        """Record values of a step, over those that it has by the same names."""
        self.namespaces.setdefault(namespace, {}).setdefault(step, {}).update(values)

    def go_on_from(self, earlier: "Provenance") -> None:
        """Take over what an earlier process of the same run has recorded of those data sets whose parameters are equal.

        Args:
            earlier: Its record.
        """
        asked = json.loads(self.as_json("RUNNING"))["parameters"]  # a list is a list in both
        equal = {name for name in self.namespaces if earlier.parameters.get(name) == asked[name]}
        for name in ("namespaces", "precision", "training_devices", "resumed_epochs"):
            theirs = getattr(earlier, name)
            getattr(self, name).update({key: theirs[key] for key in equal & theirs.keys()})
        self.found += [each for each in earlier.found if each.rpartition(".")[0] in equal]
        if any(earlier.namespaces.get(name) for name in equal):
            self.source_changed |= earlier.source_changed or not is_same_source(self.source, earlier.source)

    def forget_training(self, namespace: str) -> None:
        """Forget the training of a data set, and what was made from its model."""
        steps, names = self.namespaces[namespace], tuple(STEPS)
        for name in names[names.index("initial_weights") :]:
            steps.pop(name, None)

    def as_json(self, status: RunStatus) -> str:
        """The text of ``provenance.json``.

        Args:
            status: How the run stands; unless RUNNING, now is noted as its end.
        """
        record = asdict(replace(self, status=status, ended=None if status == "RUNNING" else utc_now()))
        if self.source and self.source.patch:
            del record["source"]["patch"]["content"]  # a file of its own
        return json.dumps(record, indent=1, default=str) + "\n"


def status_after(error: BaseException | None) -> RunStatus:
    """The status of a run that an error has ended; FINISHED if there was none.

    It is KILLED after an interruption, also where a library has made another error of that, and if a listener has
    stopped the training.
    """
    if error is None:
        return "FINISHED"
    stopped = not isinstance(error, Exception) or isinstance(error, TrainingStopped)
    return "KILLED" if stopped or signals.requested() else "FAILED"


def in_order(pipeline_names: Iterable[str]) -> list[str]:
    """Names of pipelines in the order of the flow; others after them, by the alphabet."""
    places = {name: place for place, name in enumerate((*FLOW, "training"))}
    return sorted(pipeline_names, key=lambda name: (places.get(name, len(places)), name))


def resolved_parameters(parameters: Parameters, namespaces: Sequence[str]) -> Values:
    """The parameters of a run, under the keys that ``--params`` takes."""
    chosen = {name: asdict(parameters.namespaces[name]) for name in namespaces}
    datasets = {name: asdict(parameters.datasets[name]) for name in namespaces}
    return {"recipe": parameters.recipe, "datasets": datasets, **chosen}


def utc_now() -> str:
    """The time in ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
