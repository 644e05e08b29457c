"""The plan of a sweep, as it is recorded on the parent run and read again to resume it."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from mnist_resnet.config import as_typed
from mnist_resnet.errors import UserError
from mnist_resnet.sweep.search_space import Choice, Range

SEED = "training.seed"


class SweepError(UserError, ValueError):
    """A sweep that cannot be made as it is asked for."""


@dataclass(frozen=True)
class Trial:
    """One ``kedro run`` of a sweep.

    Attributes:
        number: Counted from 0, in the order of the plan.
        overrides: The parameters that make it differ from other trials, by dotted key, as ``--params`` takes them.
    """

    number: int
    overrides: Mapping[str, Any]

    @property
    def identity(self) -> str:
        """A digest of the overrides, 16 hexadecimal digits: the same for the same trial of a resumed sweep."""
        return digest(dict(self.overrides))

    @property
    def without_seeds(self) -> dict[str, Any]:
        """The overrides but for the seeds of training: trials that differ only by seed have the same."""
        return {key: value for key, value in self.overrides.items() if not key.endswith(f".{SEED}")}

    def in_words(self) -> str:
        """The overrides in one line, such as ``mnist.training.seed=3``."""
        return ", ".join(f"{key}={as_typed(value)}" for key, value in self.overrides.items())


@dataclass(frozen=True, kw_only=True)
class SweepPlan:
    """What a sweep does, checked.

    Attributes:
        env: The recipe, Kedro's environment; None for base.
        conf_source: The absolute path, or the address, of the configuration; None for ``conf/`` of the project.
        namespaces: The data sets of each trial.
        pipelines: The pipelines of each trial, as ``kedro run --pipelines`` takes them.
        params: Parameters of all trials, by dotted key.
        trials: All trials, if they are known before; empty for a search.
        space: What a search draws from, by dotted key; empty if the trials are known.
        count: How many trials there are.
        prune: Whether a search stops trials whose validation loss is worse than that of others.
        cpus: Cores of each trial.
        gpus: GPUs of each trial, in whole numbers, or the share of one.
        promote: Whether the winner is offered to the model registry.
        parameters_digest: Of the configured parameters of the data sets. If it is another when the sweep is resumed,
            its trials could not be compared.
    """

    env: str | None
    conf_source: str | None = None
    namespaces: tuple[str, ...]
    pipelines: tuple[str, ...]
    params: Mapping[str, Any]
    trials: tuple[Trial, ...]
    space: Mapping[str, Range | Choice]
    count: int
    prune: bool
    cpus: int
    gpus: float
    promote: bool
    parameters_digest: str

    @property
    def varied(self) -> tuple[str, ...]:
        """The dotted keys that differ between trials."""
        if self.space:
            return tuple(self.space)
        return tuple(dict.fromkeys(key for trial in self.trials for key in trial.overrides))

    def run_command(self, pipelines: Sequence[str], namespaces: Sequence[str], params: Mapping[str, Any]) -> list[str]:
        """The words after the program's name that run pipelines with this configuration.

        Args:
            pipelines: By name.
            namespaces: The data sets.
            params: By dotted key.
        """
        env = ["--env", self.env] if self.env else []
        source = ["--conf-source", self.conf_source] if self.conf_source else []
        chosen = ["--pipelines", ",".join(pipelines), "--namespaces", ",".join(namespaces)]
        typed = ",".join(f"{key}={as_typed(value)}" for key, value in params.items())
        return ["run", *env, *source, *chosen, "--params", typed]

    def require_unchanged(self, raw: Mapping[str, Any]) -> None:
        """Refuse to go on by other parameters than those that the sweep began with: its trials could not be compared.

        Args:
            raw: What Kedro makes of the configuration and of ``params`` now.

        Raises:
            SweepError: If the parameters of its data sets have changed.
        """
        if parameters_digest(raw, self.namespaces) != self.parameters_digest:
            raise SweepError(
                "the parameters in conf/ have changed since this sweep began, so its trials could not be compared; put "
                "them back and go on by --resume, or start a new sweep"
            )

    def as_json(self) -> bytes:
        """The plan as one JSON document, which ``from_json`` reads."""
        return TypeAdapter(SweepPlan).dump_json(self, indent=2)

    @classmethod
    def from_json(cls, text: str | bytes) -> "SweepPlan":
        """The plan that a document of ``as_json`` describes.

        Raises:
            SweepError: If the document is none of these.
        """
        try:
            return TypeAdapter(SweepPlan).validate_json(text)
        except ValidationError as error:
            fault = error.errors()[0]
            told = ": ".join(filter(None, (".".join(map(str, fault["loc"])), fault["msg"])))
            raise SweepError(f"The recorded plan of the sweep cannot be read: {told}") from error


def parameters_digest(raw: Mapping[str, Any], namespaces: Iterable[str]) -> str:
    """The digest of the parameters that concern some data sets."""
    return digest({name: [raw["datasets"].get(name), raw.get(name)] for name in namespaces})


def digest(values: Any) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of plain values; the order of keys has no influence."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
