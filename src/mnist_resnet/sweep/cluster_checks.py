"""Checks of the cluster before a sweep: resources, versions, shared folders."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from mnist_resnet.computing.cluster import alive_nodes
from mnist_resnet.sweep.plan import SweepError, SweepPlan
from mnist_resnet.sweep.workers import facts, node_facts

_SECONDS_TO_ANSWER = 60.0


def check_nodes(ray: Any, plan: SweepPlan, project: Path, store: str) -> None:
    """Refuse a cluster on which no trial can run, or where trials could not find the project or the record.

    Args:
        ray: Ray's module, connected.
        plan: The cores and GPUs of each trial.
        project: The project's folder.
        store: MLflow's tracking URI.

    Raises:
        SweepError: With the remedy.
    """
    nodes = alive_nodes(ray)
    if not any(_places(node, plan) for node in nodes):
        most = {name: max(node["Resources"].get(name, 0) for node in nodes) for name in ("CPU", "GPU")}
        raise SweepError(
            f"--cpus, --gpus: received {plan.cpus} and {plan.gpus:g}, but the largest node has {most['CPU']:g} cores "
            f"and {most['GPU']:g} GPUs; choose less, or join a cluster by --address"
        )
    if len(nodes) == 1:
        return
    if store.startswith("sqlite"):
        raise SweepError(
            f"--address: the cluster has {len(nodes)} nodes, but MLflow's store is a file of this one; set "
            f"MLFLOW_TRACKING_URI to the address of a tracking server that all nodes reach"
        )
    _check_other_nodes(ray, nodes, plan, project)


def trials_at_once(ray: Any, plan: SweepPlan) -> int:
    """How many trials the present nodes have room for, at least 1."""
    return max(1, sum(_places(node, plan) for node in alive_nodes(ray)))


def _places(node: Mapping[str, Any], plan: SweepPlan) -> int:
    """How many trials a node has room for."""
    cores, gpus = (node["Resources"].get(name, 0) for name in ("CPU", "GPU"))
    by_cores = int(cores // plan.cpus)
    return min(by_cores, int(gpus / plan.gpus + 1e-9)) if plan.gpus else by_cores


def _check_other_nodes(ray: Any, nodes: list[dict[str, Any]], plan: SweepPlan, project: Path) -> None:
    folder = project / "data"
    folder.mkdir(exist_ok=True)
    with NamedTemporaryFile(dir=folder) as file:
        needed = {Path(file.name): project}
        if plan.conf_source and "://" not in plan.conf_source:
            needed[Path(plan.conf_source)] = Path(plan.conf_source)
        here, _ = facts(())
        for node in nodes:
            place, asked = node["NodeManagerHostname"], node_facts(ray, node["NodeID"], tuple(needed))
            try:
                there, unseen = ray.get(asked, timeout=_SECONDS_TO_ANSWER)
            except ray.exceptions.RayError as error:
                said = str(error).strip().splitlines()[-1]
                raise SweepError(f"--address: the node {place} cannot run this package: {said}") from error
            for name, expected in here.items():
                if there[name] != expected:
                    raise SweepError(
                        f"--address: the node {place} has {name} {there[name]}, but this one {expected}; install "
                        f"the same on all nodes"
                    )
            if unseen:
                raise SweepError(
                    f"--address: the node {place} does not see {needed[unseen[0]]}; put it on a file system that all "
                    f"nodes have at the same place"
                )
