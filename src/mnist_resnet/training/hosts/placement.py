"""The choice of the hosts that share a training: which resources of Ray each rank needs, and how ranks are spread."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mnist_resnet.computing.cluster import ADDRESS_VARIABLE
from mnist_resnet.computing.device import DeviceError
from mnist_resnet.config import TrainingParameters

logger = logging.getLogger(__name__)

PLATFORMS_VARIABLE = "JAX_PLATFORMS"


@dataclass(frozen=True)
class HostPlacement:
    """Where the ranks of a training go.

    Attributes:
        ranks: How many there are.
        resources: What each of them needs, by Ray's names.
        strategy: ``STRICT_SPREAD``: each on a host of its own; ``PACK``: all on this machine.
        platform: JAX's name of what they compute on.
    """

    ranks: int
    resources: dict[str, float]
    strategy: Literal["STRICT_SPREAD", "PACK"]
    platform: str

    @property
    def hosts(self) -> int:
        """How many hosts the ranks need."""
        return self.ranks if self.strategy == "STRICT_SPREAD" else 1

    def hosts_among(self, nodes: Sequence[Mapping[str, Any]]) -> int:
        """How many of the nodes can have a rank, busy or not.

        Args:
            nodes: As ``alive_nodes`` lists them.
        """
        there = [node["Resources"] for node in nodes]
        return sum(all(each.get(name, 0) >= most for name, most in self.resources.items()) for each in there)


def place_on_hosts(
    nodes: Sequence[Mapping[str, Any]], parameters: TrainingParameters, address: str | None, platform: str | None = None
) -> HostPlacement:
    """One rank a host; on this machine alone all ranks, if no cluster is named.

    Args:
        nodes: As ``alive_nodes`` lists them.
        parameters: ``hosts``, ``devices`` and ``require_gpu``.
        address: Of the cluster that the user has named.
        platform: That the user has set for JAX; if None, GPUs are taken where there are any.

    Raises:
        DeviceError: If there are too few hosts, or none has a GPU and one is required.
    """
    there = [node["Resources"] for node in nodes]
    gpus = [] if platform == "cpu" else [int(each["GPU"]) for each in there if each.get("GPU", 0) >= 1]
    if parameters.require_gpu and not gpus:
        remedy = "unset JAX_PLATFORMS=cpu" if platform == "cpu" else "add hosts that have one"
        found = "JAX is held to the CPU" if platform == "cpu" else "Ray knows of no GPU"
        raise DeviceError(f"training.require_gpu is true, but {found}; {remedy}, or set it to false")
    wanted = _gpus_of_each(gpus, parameters)
    fitting = sum(count >= wanted for count in gpus) if gpus else sum(each.get("CPU", 0) >= 1 for each in there)
    resources = {"CPU": 1.0} | ({"GPU": float(wanted)} if gpus else {})
    if parameters.hosts <= fitting:
        return HostPlacement(parameters.hosts, resources, "STRICT_SPREAD", "cuda" if gpus else "cpu")
    if address or gpus:
        raise DeviceError(_too_few(parameters.hosts, fitting, wanted if gpus else 0, address))
    logger.warning(
        "training.hosts: received %d, but %s names no cluster, so %d processes of this machine train in their place",
        *(parameters.hosts, ADDRESS_VARIABLE, parameters.hosts),
    )
    return HostPlacement(parameters.hosts, resources, "PACK", "cpu")


def _gpus_of_each(gpus: Sequence[int], parameters: TrainingParameters) -> int:
    if parameters.devices != "all":
        return parameters.devices
    if len(set(gpus)) > 1:
        numbers = ", ".join(map(str, sorted(gpus)))
        raise DeviceError(f"training.devices: received all, but the hosts have {numbers} GPUs; choose a number")
    return gpus[0] if gpus else 1


def _too_few(asked: int, fitting: int, gpus: int, address: str | None) -> str:
    if not address:
        return (
            f"training.hosts: received {asked}, but {ADDRESS_VARIABLE} names no cluster, and GPUs of one machine are "
            f"shared by one process: set training.devices to their number, and training.hosts to 1"
        )
    of_gpus = f" with {gpus} GPU{'s' if gpus > 1 else ''} or more" if gpus else ""
    on_cpus = ", or set JAX_PLATFORMS=cpu to train on processors" if gpus else ""
    return (
        f"training.hosts: received {asked}, but the cluster at {address} has {fitting}{of_gpus}; add hosts by "
        f"`ray start --address={address}`, or choose at most that many{on_cpus}"
    )
