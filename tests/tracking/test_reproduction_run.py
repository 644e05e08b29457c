import shutil
from pathlib import Path

import mlflow
import pytest

from mnist_resnet.tracking.dead_runs import LOCK
from mnist_resnet.tracking.reproduction_run import open_reproduction
from mnist_resnet.tracking.run_lookup import RecordedRun, find_run
from mnist_resnet.tracking.tracked_run import TrackedRun


@pytest.fixture
def original(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch):
    """A run to repeat."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    tracked = TrackedRun(tmp_path, "an experiment", "base training", {}, {"seed": 0})
    tracked.close("FINISHED")
    yield find_run("base training", tracked.uri)
    mlflow.set_tracking_uri(None)


def _run(original: RecordedRun, run_id: str) -> mlflow.entities.Run:
    return mlflow.MlflowClient(original.store).get_run(run_id)


def test_a_tracked_run_goes_on_with_the_one_that_was_opened_for_it(
    original: RecordedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_reproduction(original, tmp_path) as reproduction:
        lock = _run(original, reproduction.run_id).data.tags[LOCK]
        for name, value in reproduction.variables().items():
            monkeypatch.setenv(name, value)
        tracked = TrackedRun(tmp_path, reproduction.experiment, "base training", {"recipe": "base"}, {"seed": 0})
        tracked.close("FINISHED")
        assert _run(original, tracked.run_id).data.tags[LOCK] == lock
        reproduction.log_verdict("BITWISE", {"reproduction.json": "{}\n"}, original)
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
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
