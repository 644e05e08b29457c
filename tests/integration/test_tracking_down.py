"""MLflow's store is away: at the start, in the midst of a run, and while what was kept is sent."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
from click.testing import CliRunner

from mnist_resnet.cli import cli
from mnist_resnet.tracking.description import DESCRIPTION_TAG
from mnist_resnet.tracking.offline.spool import spool_folders
from mnist_resnet.tracking.offline.upload import OFFLINE_RUN_ID
from mnist_resnet.tracking.store.address import tracking_uri
from mnist_resnet.tracking.store.remedies import TrackingUnavailableError
from mnist_resnet.tracking.system_metrics import PREFIX
from mnist_resnet.training.events import EpochResult, listening
from tests.integration.conftest import Project
from tests.tracking.recordings import only_run, recorded
from tests.tracking.servers import Server, free_port

pytestmark = pytest.mark.integration
TRAINING = {"pipeline_names": ["training"], "namespaces": ["squares"]}
EXPERIMENT = "mnist_resnet"
_OF_ONE_RUN = {OFFLINE_RUN_ID, DESCRIPTION_TAG, "squares.release"}


@pytest.fixture(autouse=True)
def own_tracking() -> Iterator[None]:
    yield
    mlflow.set_tracking_uri(None)


def release_of(project: Project) -> dict[str, object]:
    content: dict[str, object] = json.loads((project.folder / "data/08_reporting/squares/release.json").read_text())
    return content


def shape_of(project: Project, store: str) -> dict[str, Any]:
    """What MLflow holds of the only run, without what differs between two runs of the same."""
    held, client = recorded(store, EXPERIMENT), mlflow.MlflowClient(store)
    return {
        **held,
        "files": sorted(held["files"]),
        # Samples of the machine are as many as the run has time for.
        "metrics": {
            key: [step for step, _ in history] for key, history in held["metrics"].items() if not key.startswith(PREFIX)
        },
        # The description names the digest of a file that names its run; who is champion is decided later.
        "tags": {key: value for key, value in held["tags"].items() if key not in _OF_ONE_RUN},
        "models": [(each["name"], each["status"], each["files"]) for each in held["models"]],
        "versions": {str(each.version): sorted(each.tags) for each in client.search_model_versions("name = 'squares'")},
        "aliases": {key: str(value) for key, value in client.get_registered_model("squares").aliases.items()},
    }


def test_a_dead_server_stops_a_run_before_any_work(squares: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://somebody:hunter2@127.0.0.1:{free_port()}")
    with pytest.raises(TrackingUnavailableError, match=r"tracking\.offline=true") as refused:
        squares.run(**TRAINING)
    assert "hunter2" not in str(refused.value)
    assert not (squares.folder / "data").exists()


@pytest.mark.landing
def test_an_offline_run_is_whole_and_is_sent_whole(squares: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{squares.folder / 'online.db'}")
        shutil.copy(squares.folder / "mlflow.db", squares.folder / "online.db")
        squares.run(**TRAINING)
        online = shape_of(squares, tracking_uri(squares.folder))
    shutil.rmtree(squares.folder / "data")
    squares.run({"tracking": {"offline": True}}, **TRAINING)
    assert "kedro sync-tracking" in str(release_of(squares)["reason"])
    (folder,) = spool_folders(squares.folder)
    ended = CliRunner().invoke(cli, ["sync-tracking"])
    assert ended.exit_code == 0, ended.output
    sent = shape_of(squares, tracking_uri(squares.folder))
    assert sent.pop("aliases") == {"candidate": "1"}
    assert online.pop("aliases") == {"candidate": "1", "champion": "1"}
    assert sent == online
    run = only_run(tracking_uri(squares.folder), EXPERIMENT)
    assert run.data.tags[OFFLINE_RUN_ID] == folder.name
    assert f"{PREFIX}cpu_utilization_percentage" in run.data.metrics
    squares.run(pipeline_names=["evaluate"], namespaces=["squares"])
    assert (release_of(squares)["version"], release_of(squares)["champion"]) == ("1", True)


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(empty_store, folder / "mlflow.db")
    server = Server(folder)
    server.start()
    yield server
    server.go_on()
    server.kill()


@pytest.mark.slow
@pytest.mark.parametrize(("go_away", "come_back"), [(Server.kill, Server.start), (Server.stall, Server.go_on)])
def test_a_server_that_goes_away_in_training_costs_seconds_and_nothing_else(
    squares: Project,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    go_away: Callable[[Server], None],
    come_back: Callable[[Server], None],
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    monkeypatch.setattr("mnist_resnet.tracking.store.availability.PATIENCE", 2.0)
    waited: list[float] = []

    def lose(result: EpochResult) -> None:
        waited.append(time.monotonic())
        if result.epoch == 1:
            go_away(server)

    with listening(lose):
        squares.run(**TRAINING)
    assert [each for each in caplog.messages if "does not answer any more" in each]
    assert "kedro sync-tracking" in str(release_of(squares)["reason"])
    # One request of 10 s and the pauses, beside an epoch.
    assert waited[1] - waited[0] < 30
    (folder,) = spool_folders(squares.folder)
    come_back(server)
    for _ in range(2):
        ended = CliRunner().invoke(cli, ["sync-tracking"])
        assert ended.exit_code == 0, ended.output
    assert ended.output == "Nothing to send\n"
    held, run = shape_of(squares, server.uri), only_run(server.uri, EXPERIMENT)
    assert run.info.run_id == folder.name
    assert f"{PREFIX}cpu_utilization_percentage" in run.data.metrics
    assert (held["status"], held["metrics"]["squares/epochs/train_loss"]) == ("FINISHED", [1, 2])
    assert [name for name, status, _ in held["models"] if status == "READY"] == ["squares"]
    assert (list(held["versions"]), held["aliases"]) == (["1"], {"candidate": "1"})
