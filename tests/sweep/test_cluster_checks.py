"""What a cluster must have for a sweep."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mnist_resnet.sweep.cluster_checks import check_nodes, trials_at_once
from mnist_resnet.sweep.plan import SweepError, SweepPlan, Trial
from tests.sweep.made_results import SEED, plan_of


def cluster_of(*resources: dict[str, float]) -> Any:
    """Stands for Ray's module, as far as it tells of nodes; one without resources is dead."""
    return SimpleNamespace(nodes=lambda: [{"Alive": bool(each), "Resources": each} for each in resources])


def plan(cpus: int, gpus: float = 0.0) -> SweepPlan:
    return replace(plan_of(Trial(0, {SEED: 0})), cpus=cpus, gpus=gpus)


@pytest.mark.parametrize(
    ("cpus", "gpus", "room"),
    [(1, 0.0, 6), (2, 0.0, 3), (4, 0.0, 1), (1, 1.0, 2), (1, 0.5, 4), (1, 0.1, 4), (8, 0.0, 1)],
)
def test_each_node_has_room_for_as_many_trials_as_its_cores_and_gpus_allow(cpus: int, gpus: float, room: int) -> None:
    nodes = cluster_of({"CPU": 4.0, "GPU": 2.0}, {"CPU": 2.0}, {})
    assert trials_at_once(nodes, plan(cpus, gpus)) == room


@pytest.mark.parametrize(("cpus", "gpus"), [(3, 0.0), (1, 0.5), (1, 2.0)])
def test_what_no_node_has_is_refused(cpus: int, gpus: float, tmp_path: Path) -> None:
    with pytest.raises(SweepError, match=f"received {cpus} and {gpus:g}, but the largest node has 2 cores and 0 GPUs"):
        check_nodes(cluster_of({"CPU": 2.0}), plan(cpus, gpus), tmp_path, "sqlite:///mlflow.db")


def test_several_nodes_need_a_store_that_all_of_them_reach(tmp_path: Path) -> None:
    check_nodes(cluster_of({"CPU": 2.0}, {}), plan(1), tmp_path, "sqlite:///mlflow.db")
    with pytest.raises(SweepError, match="the cluster has 2 nodes, but MLflow's store is a file of this one"):
        check_nodes(cluster_of({"CPU": 2.0}, {"CPU": 2.0}), plan(1), tmp_path, "sqlite:///mlflow.db")
