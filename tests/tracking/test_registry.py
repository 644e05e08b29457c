from pathlib import Path

import mlflow
import pytest

from mnist_resnet.storage.artifacts import sha256_of_bytes
from mnist_resnet.tracking import registry
from mnist_resnet.tracking.logged_model import LoggedModel
from mnist_resnet.tracking.model_lookup import read_recorded_onnx
from mnist_resnet.tracking.tracked_run import TrackedRun
from tests.made_model import CLASS_NAMES, bright_half, halves_model
from tests.tracking.recordings import opened


@pytest.fixture
def run(open_run) -> TrackedRun:
    return open_run()


def log(run: TrackedRun, recipe: str) -> str:
    """Log a model, and answer its digest."""
    content = halves_model({"recipe": recipe})
    run.log_model(LoggedModel("squares", content, bright_half("left")[None], CLASS_NAMES, ("CPUExecutionProvider",)))
    return sha256_of_bytes(content)


def register(run: TrackedRun, digest: str, evaluated: int = 1, description: str = "", **tags: str) -> str | None:
    candidate = registry.RegisterCandidate("squares", digest, tags, evaluated, description)
    return registry.register_candidate(candidate, mlflow.MlflowClient(), run.run_id)


def test_candidates_are_versions_and_one_is_champion(run: TrackedRun) -> None:
    assert registry.champion_version("squares") is None
    first, second = log(run, "first"), log(run, "second")
    assert register(run, first, validation_accuracy="0.5") == "1"
    assert registry.champion_version("squares") is None  # there is a model of that name, but no champion
    registry.set_champion("squares", "1")
    assert register(run, second) == "2"
    client = mlflow.MlflowClient()
    candidate = client.get_model_version_by_alias("squares", registry.CANDIDATE)
    assert str(candidate.version) == "2"
    assert registry.champion_version("squares") == "1"
    assert client.get_model_version("squares", "1").tags == {"validation_accuracy": "0.5", "evaluated": "1"}


def test_a_model_evaluated_again_keeps_its_version(run: TrackedRun) -> None:
    digest = log(run, "first")
    versions = [register(run, digest) for _ in range(2)]
    assert versions == ["1", "1"]


def test_a_file_that_was_never_recorded_is_no_candidate(run: TrackedRun) -> None:
    assert register(run, "0" * 64) is None
    assert mlflow.MlflowClient().search_registered_models() == []


def test_a_model_whose_recording_was_broken_off_is_no_candidate(run: TrackedRun) -> None:
    client, digest = mlflow.MlflowClient(), log(run, "whole")
    experiment = client.get_run(run.run_id).info.experiment_id
    of_another = client.create_run(experiment).info.run_id
    for tagged in (digest, "0" * 64):
        client.create_logged_model(experiment, "squares", of_another, tags={"onnx_sha256": tagged})
    assert register(run, "0" * 64) is None
    assert register(run, digest) == "1"
    assert client.get_model_version("squares", "1").run_id == run.run_id


def test_a_registry_with_a_place_of_its_own_is_used_and_read(
    project: Path, store: str, other_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", other_store)
    run = opened(project)
    digest = log(run, "first")
    registry.set_champion("squares", str(register(run, digest)))
    assert registry.champion_version("squares") == "1"
    run.close("FINISHED")
    monkeypatch.delenv("MLFLOW_REGISTRY_URI")
    assert mlflow.MlflowClient(store, registry_uri=store).search_registered_models() == []
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", other_store)
    assert sha256_of_bytes(read_recorded_onnx("models:/squares@champion", project)) == digest


def test_a_clock_that_was_ahead_keeps_the_alias_and_nothing_else(
    run: TrackedRun, caplog: pytest.LogCaptureFixture
) -> None:
    ahead, present = log(run, "ahead"), log(run, "present")
    for digest, evaluated in ((ahead, 9), (present, 5)):
        register(run, digest, evaluated, f"of {evaluated}", recipe=f"at {evaluated}")
    client = mlflow.MlflowClient()
    assert str(client.get_model_version_by_alias("squares", registry.CANDIDATE).version) == "1"
    second = client.get_model_version("squares", "2")
    assert (second.tags["recipe"], second.description) == ("at 5", "of 5")
    assert "The alias candidate of squares stays at version 1, which was evaluated later than version 2" in caplog.text
