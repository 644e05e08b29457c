"""One training on several hosts: started and followed here, computed by JAX in one process of each host.

Ray Train starts the ranks, and starts all of them again if one is lost; they go on from the checkpoint.
"""

import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from mnist_resnet.computing.cluster import ADDRESS_VARIABLE, ClusterError, alive_nodes, cluster, on_node, require_extra
from mnist_resnet.config import TrainingParameters
from mnist_resnet.data.split import Split
from mnist_resnet.storage.shards import Shards
from mnist_resnet.training.hosts.launch import MOST_RESTARTS, launched_ranks
from mnist_resnet.training.hosts.news import Announcer, open_mailbox
from mnist_resnet.training.hosts.placement import PLATFORMS_VARIABLE, HostPlacement, place_on_hosts
from mnist_resnet.training.hosts.rank import RankTask, Trained
from mnist_resnet.training.hosts.shared_folder import shared_folder
from mnist_resnet.training.network_spec import NetworkSpec

_SECONDS_BETWEEN_LOOKS = 0.2
_SECONDS_WITHOUT_NEWS = 120.0


def require_hosts(parameters: TrainingParameters) -> None:
    """Refuse a training on several hosts that could not start, before any work.

    Args:
        parameters: ``hosts``, ``devices`` and ``require_gpu``.

    Raises:
        ClusterError: If Ray or JAX is not installed, or the cluster that is named does not answer.
        DeviceError: If the cluster has too few hosts.
    """
    require_extra("ray", "jax")
    if address := os.environ.get(ADDRESS_VARIABLE):
        with cluster() as ray:
            place_on_hosts(alive_nodes(ray), parameters, address, os.environ.get(PLATFORMS_VARIABLE))


def train_on_hosts(
    spec: NetworkSpec, split: Split, parameters: TrainingParameters, title: str, checkpoint: Path
) -> Trained:
    """Train a network on several hosts; what goes on there is logged and announced here.

    Args:
        spec: Of the network.
        split: Training and validation arrays. Those that are no shards go to each host's memory as a whole.
        parameters: Of the training; ``hosts`` is at least 2.
        title: The data set's name.
        checkpoint: A folder on a disk that all hosts see, for what is needed to go on.

    Raises:
        UserError: As ``train`` and ``runtime`` raise it, on any rank.
        DeviceError: If there are too few hosts, or they do not share the folder.
        ClusterError: If Ray cannot be used, or ranks were lost too often.
    """
    require_extra("ray", "jax")
    address = os.environ.get(ADDRESS_VARIABLE)
    cores = max(parameters.hosts, os.cpu_count() or 1)
    with cluster(cpus=cores) as ray, shared_folder(checkpoint) as folder:
        placement = place_on_hosts(alive_nodes(ray), parameters, address, os.environ.get(PLATFORMS_VARIABLE))
        here = on_node(ray)
        mailbox, tell = open_mailbox(ray, here)
        arrays = {name: _handed_over(ray, array) for name, array in split._asdict().items()}
        task = RankTask(spec, parameters, title, arrays, folder, tell)
        with launched_ranks(ray, here, task, placement) as ended:
            return _followed(ray, mailbox, ended, placement)


def _handed_over(ray: Any, array: Any) -> Any:
    return array if isinstance(array, Shards) else ray.put(np.asarray(array))


def _followed(ray: Any, mailbox: Any, ended: Any, placement: HostPlacement) -> Trained:
    """What the ranks come to; what they tell is logged and announced meanwhile."""
    announcer, heard = Announcer(), time.monotonic()
    while True:
        ready, _ = ray.wait([ended], timeout=_SECONDS_BETWEEN_LOOKS)
        for news in ray.get(mailbox.take.remote()):
            heard = time.monotonic()
            if trained := announcer.told(news):
                return trained
        if ready:
            raise ClusterError(_why_ended(ray, ended))
        if time.monotonic() - heard > _SECONDS_WITHOUT_NEWS:
            heard = time.monotonic()
            announcer.missed(_SECONDS_WITHOUT_NEWS, placement, placement.hosts_among(alive_nodes(ray)))


def _why_ended(ray: Any, ended: Any) -> str:
    try:
        ray.get(ended)
    except ray.exceptions.RayError as error:
        said = str(error).strip()
    else:
        said = "they have ended without a result"
    return f"The ranks of the training were lost {MOST_RESTARTS + 1} times, the last time by:\n{said}"
