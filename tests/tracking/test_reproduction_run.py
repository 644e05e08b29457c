from pathlib import Path

import mlflow
import pytest

from mnist_resnet.tracking.dead_runs import LOCK
from mnist_resnet.tracking.reproduction_run import open_reproduction
from mnist_resnet.tracking.run_lookup import RecordedRun, find_run
from mnist_resnet.tracking.store.remedies import TrackingUnavailableError
from tests.tracking.recordings import record


@pytest.fixture
def original(project: Path, store: str) -> RecordedRun:
    """A run to repeat."""
    record(project, experiment="an experiment", name="base training", parameters={"seed": 0})
    return find_run("base training", store)


def _run(original: RecordedRun, run_id: str) -> mlflow.entities.Run:
    return mlflow.MlflowClient(original.store).get_run(run_id)


def test_a_tracked_run_goes_on_with_the_one_that_was_opened_for_it(
    original: RecordedRun, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_reproduction(original, project) as reproduction:
        lock = _run(original, reproduction.run_id).data.tags[LOCK]
        for name, value in reproduction.variables().items():
            monkeypatch.setenv(name, value)
        described = {"name": "base training", "tags": {"recipe": "base"}, "parameters": {"seed": 0}}
        tracked = record(project, experiment=reproduction.experiment, **described)
        assert _run(original, tracked.run_id).data.tags[LOCK] == lock
        reproduction.log_verdict("BITWISE", {"reproduction.json": "{}\n"}, original)
    assert tracked.run_id == reproduction.run_id
    run = _run(original, tracked.run_id)
    assert (run.info.status, run.info.run_name) == ("FINISHED", "reproduction of base training")
    assert run.data.params == {"seed": "0"}
    expected = {"reproduces": original.run_id, "recipe": "base", "reproduction_verdict": "BITWISE"}
    assert expected.items() <= run.data.tags.items()
    assert _run(original, original.run_id).data.tags["reproduction_verdict"] == "BITWISE"


@pytest.mark.parametrize(("error", "status"), [(RuntimeError, "FAILED"), (KeyboardInterrupt, "KILLED")])
def test_a_run_that_nobody_went_on_with_is_closed(
    original: RecordedRun, error: type[BaseException], status: str
) -> None:
    with pytest.raises(error), open_reproduction(original, Path.cwd()) as reproduction:
        raise error
    assert _run(original, reproduction.run_id).info.status == status


def test_a_store_that_goes_away_takes_no_error_with_it(
    original: RecordedRun, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_: object) -> None:
        raise ConnectionError("nobody there")

    opened = open_reproduction(original, Path.cwd())
    run_id = opened.__enter__().run_id
    monkeypatch.setattr(mlflow.MlflowClient, "get_run", away)
    assert not opened.__exit__(RuntimeError, RuntimeError("the real fault"), None)  # so that it goes on
    assert f"Run {run_id[:8]} could not be closed: nobody there" in caplog.messages


def test_a_verdict_that_the_store_does_not_take_is_an_error_of_the_users(
    original: RecordedRun, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise ConnectionError("nobody there")

    with open_reproduction(original, project) as reproduction:
        monkeypatch.setattr(mlflow.MlflowClient, "set_tag", away)
        with pytest.raises(TrackingUnavailableError, match="cannot be used: nobody there"):
            reproduction.log_verdict("BITWISE", {}, original)
