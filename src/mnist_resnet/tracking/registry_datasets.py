"""Kedro datasets of MLflow's model registry: the present champion, and the release of a new model."""

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset, DatasetError

from mnist_resnet.datasets import JsonDataset
from mnist_resnet.evaluation.champion import Champion, Decision, NoChampion, Release
from mnist_resnet.tracking import registry
from mnist_resnet.tracking.model_lookup import download_onnx
from mnist_resnet.tracking.registry import RegisterCandidate
from mnist_resnet.tracking.run_creation import now
from mnist_resnet.tracking.tracked_run import TrackedRun

logger = logging.getLogger(__name__)

_POSTPONED = (
    "MLflow's registry is not available: `kedro sync-tracking` registers this model as candidate; then `kedro run "
    "--pipelines evaluate` decides who is champion"
)
_OVERTAKEN = (
    "version {}, with which it was not compared, became champion meanwhile; `kedro run --pipelines evaluate` compares "
    "them"
)
_NOT_RECORDED = "no run of this experiment recorded this file; run the export pipeline with tracking.enabled: true"


class ChampionDataset(AbstractDataset[None, Champion | NoChampion]):
    """The champion of a registered model, as far as the registry can be asked; nothing is ever saved through it.

    Args:
        model: The name of the registered model.
        metadata: For kedro-viz.

    Attributes:
        run: The open run that may ask the registry; None if nothing is registered.
    """

    def __init__(self, *, model: str, metadata: dict[str, Any] | None = None) -> None:
        self.model = model
        self.metadata = metadata
        self.run: TrackedRun | None = None

    def load(self) -> Champion | NoChampion:
        """The champion, or why none is known."""
        if self.run is None:
            return NoChampion.UNUSED
        return self.run.recorder.ask(lambda: _present_champion(self.model)) or NoChampion.AWAY

    def save(self, data: None) -> None:
        """Refuse: a champion is made by the release of a model."""
        raise DatasetError(f"the champion of '{self.model}' is only read")

    def _describe(self) -> dict[str, Any]:
        return {"model": self.model}


class ReleaseDataset(JsonDataset):
    """A release, which is registered when it is saved; ``release.json`` says what became of it.

    Args:
        filepath: Where that is stored.
        model: The name of the registered model.
        metadata: For kedro-viz and for tracking.

    Attributes:
        run: The open run that may register models; None if nothing is registered.
        description: What is said of the version, in Markdown.
    """

    def __init__(self, *, filepath: str, model: str, metadata: dict[str, Any] | None = None) -> None:
        super().__init__(filepath=filepath, metadata=metadata)
        self.model = model
        self.run: TrackedRun | None = None
        self.description = ""

    def _write(self, path: Path, data: Release) -> None:
        super()._write(path, {"model": self.model, **self._register(data)})

    def _register(self, release: Release) -> dict[str, Any]:
        run = self.run
        if run is None or not release.onnx_sha256:
            return _undecided(NoChampion.UNUSED.value)
        candidate = RegisterCandidate(self.model, release.onnx_sha256, release.tags, now(), self.description)
        outcome = run.recorder.ask(lambda: _released(candidate, release, run.run_id))
        if outcome is None:
            run.recorder.keep(candidate)
            return _undecided(_POSTPONED)
        return outcome


def _present_champion(model: str) -> Champion | NoChampion:
    version = registry.champion_version(model)
    if version is None:
        return NoChampion.NONE
    try:
        return Champion(version, download_onnx(f"models:/{model}/{version}"))
    except Exception as error:  # noqa: BLE001  # of whatever its store brings about: that is no fault of the new model
        registry.champion_version(model)  # if the store is away, this says so
        return Champion(version, None, str(error))


def _released(candidate: RegisterCandidate, release: Release, run_id: str) -> dict[str, Any]:
    """Register a model as candidate, and as champion if that is decided and nobody else became it meanwhile."""
    import mlflow

    name, decision = candidate.name, release.decision
    version = registry.register_candidate(candidate, mlflow.MlflowClient(), run_id)
    if version is None:
        return _undecided(_NOT_RECORDED)
    if version == release.champion_before:
        return {"version": version, "champion": True, "reason": "it is the champion already"}
    present = registry.champion_version(name)
    if decision.champion and present not in {None, version, release.champion_before}:
        decision = Decision(False, _OVERTAKEN.format(present))
    if decision.champion:
        registry.set_champion(name, version)
    standing = "is champion" if decision.champion else "stays candidate"
    level = logging.INFO if release.comparable else logging.WARNING
    logger.log(level, "Model %s, version %s in MLflow's registry, %s: %s", name, version, standing, decision.reason)
    contest = {"champion_before": release.champion_before, "contest": dict(release.contest)}
    return {"version": version, **asdict(decision), **contest}


def _undecided(reason: str) -> dict[str, Any]:
    return {"version": None, "champion": False, "reason": reason}
