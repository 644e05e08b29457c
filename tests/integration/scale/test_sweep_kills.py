"""Sweeps that are interrupted, lose a node, search, promote, and whose trials are made again."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator

import pytest

from mnist_resnet.computing.cluster import cluster
from mnist_resnet.sweep.search_space import Range
from mnist_resnet.tracking.registry import CHAMPION
from mnist_resnet.tracking.store.remedies import StoreAwayError
from tests.conftest import PROJECT
from tests.integration.conftest import KEDRO, Project, clean_environment
from tests.integration.scale.test_sweep import children, made_plan, once, swept
from tests.made_repository import commit, git
from tests.sweep.made_results import read_outcome
from tests.tracking.servers import Server

pytestmark = [pytest.mark.integration, pytest.mark.scale, pytest.mark.slow]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_sweep_stops_all_trials_within_seconds(squares: Project, number: signal.Signals) -> None:
    words = ("--namespaces", "squares", "--pipelines", "data,train", "--seeds", "0,1")
    params = ("--params", "squares.training.epochs=500")
    driver = subprocess.Popen(
        [KEDRO, "sweep", *words, *params],
        cwd=squares.folder,
        env=clean_environment(),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )

    def all_train() -> bool:
        return len(list((squares.folder / "data/sweeps").glob("*/*/06_models/squares/checkpoint"))) == 2

    once(all_train, lambda: os.kill(driver.pid, number)).join()
    _, said = driver.communicate(timeout=20)
    assert driver.returncode == 128 + number
    (parent,) = [run for run in squares.runs() if "mlflow.parentRunId" not in run.data.tags]
    assert f"To continue: kedro sweep --resume {parent.info.run_id}" in said
    assert "Traceback" not in said
    assert {run.info.status for run in squares.runs()} == {"KILLED"}
    assert {run.data.tags["sweep.outcome"] for run in children(squares, parent.info.run_id)} == {"KILLED"}


def test_what_trials_came_to_stays_where_a_promotion_fails(squares: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise StoreAwayError("the registry is away")

    monkeypatch.setattr("mnist_resnet.sweep.engine.promote", fail)
    plan = made_plan({"squares.training.seed": 0}, pipelines=("training",), promote=True)
    with pytest.raises(StoreAwayError, match="the registry is away"):
        swept(squares, plan, [])
    (parent,) = [run for run in squares.runs() if "mlflow.parentRunId" not in run.data.tags]
    assert parent.info.status == "FAILED"
    outcome = read_outcome(squares.recorded(parent.info.run_id, "sweep.json").read_bytes())
    assert [result.status for result in outcome.trials] == ["FINISHED"]
    assert outcome.promotions == {}


@pytest.fixture
def server(squares: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A tracking server, since nodes do not share a file."""
    folder = squares.folder / "server"
    folder.mkdir()
    server = Server(folder)
    server.start()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    yield
    server.kill()


@pytest.mark.usefixtures("server")
def test_trials_of_a_lost_node_go_on_elsewhere(squares: Project) -> None:
    from ray.cluster_utils import Cluster

    said: list[str] = []
    overrides = [{"squares.training.seed": seed} for seed in (0, 1)]
    plan = made_plan(*overrides, params={"squares.training.epochs": 60})
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    second = nodes.add_node(num_cpus=1)

    def all_train() -> bool:
        return len(list((squares.folder / "data/sweeps").glob("*/*/06_models/squares/checkpoint"))) == 2

    try:
        with cluster(nodes.address):
            losing = once(all_train, lambda: nodes.remove_node(second, allow_graceful=False))
            outcome = swept(squares, plan, said)
            losing.join()
    finally:
        nodes.shutdown()
    assert outcome.succeeded
    assert sum("is started again from its checkpoint" in line for line in said) == 1
    assert len(children(squares, outcome.run_id)) == 2


@pytest.mark.usefixtures("ray_cluster")
def test_a_search_prunes_by_validation_loss(squares: Project) -> None:
    space = {"squares.training.learning_rate": Range(1e-5, 0.1, True, None, False)}
    params = {"squares.training.epochs": 3}
    outcome = swept(squares, made_plan(space=space, count=10, prune=True, params=params, cpus=1), [])
    assert outcome.succeeded
    pruned = [each for each in outcome.trials if each.status == "PRUNED"]
    assert pruned
    assert all(0 < len(each.figures["squares"].losses) < 3 for each in pruned)
    assert outcome.winners["squares"].trial not in {each.trial.number for each in pruned}


@pytest.mark.usefixtures("ray_cluster")
def test_the_winner_is_offered_and_a_trial_is_made_again(squares: Project) -> None:
    shutil.copytree(PROJECT / "src", squares.folder / "src", dirs_exist_ok=True)  # which is to run in place
    git(squares.folder, "init", "-q")
    commit(squares.folder, {".gitignore": f"{(PROJECT / '.gitignore').read_text()}\n/mirror/\n"})
    outcome = swept(squares, made_plan({"squares.training.seed": 4}, pipelines=("training",), promote=True), [])
    promotion = outcome.promotions["squares"]
    assert (promotion.trial, promotion.version, promotion.champion) == (0, "1", True)
    champion = squares.client.get_model_version_by_alias("squares", CHAMPION)
    assert champion.run_id == outcome.trials[0].run_id
    assert squares.client.get_run(promotion.run_id).data.tags["sweep.promotes_for"] == outcome.run_id
    again = squares.kedro(*("reproduce", str(outcome.trials[0].run_id), "--in-place", "--at-least", "bitwise"))
    assert again.returncode == 0, again.stdout + again.stderr
