"""One training on several hosts: started and followed here, computed by JAX in one process of each host.

Ray Train starts the ranks, and starts all of them again if one is lost; they go on from the checkpoint.
"""

import logging
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mnist_resnet.computing.backend_choice import BACKEND_VARIABLE
from mnist_resnet.computing.cluster import ADDRESS_VARIABLE, ClusterError, cluster, require_extra
from mnist_resnet.config import TrainingParameters
from mnist_resnet.data.split import Split
from mnist_resnet.errors import UserError
from mnist_resnet.storage.shards import Shards
from mnist_resnet.terminal.forwarding import LoggedElsewhere
from mnist_resnet.training.events import EpochResult, TrainingStart, announce
from mnist_resnet.training.host_placement import PLATFORMS_VARIABLE, HostPlacement, place_on_hosts
from mnist_resnet.training.rank import Mailbox, NetworkRecipe, RankTask, Trained, train_as_rank
from mnist_resnet.training.shared_folder import SharedFolder, shared_folder

logger = logging.getLogger(__name__)

MOST_RESTARTS = 5
_SECONDS_BETWEEN_LOOKS = 0.2
_SECONDS_WITHOUT_NEWS = 120.0
_SECONDS_TO_END = 15.0
_HANDED_ON = ("XLA_FLAGS", "NVIDIA_TF32_OVERRIDE")


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
            place_on_hosts(ray.nodes(), parameters, address, os.environ.get(PLATFORMS_VARIABLE))


def train_on_hosts(
    recipe: NetworkRecipe, split: Split, parameters: TrainingParameters, title: str, checkpoint: Path
) -> Trained:
    """Train a network on several hosts; what goes on there is logged and announced here.

    Args:
        recipe: Of the network.
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
        placement = place_on_hosts(ray.nodes(), parameters, address, os.environ.get(PLATFORMS_VARIABLE))
        with _ranks(ray, placement, recipe, split, parameters, title, folder) as ranks:
            return _followed(ray, ranks)


@dataclass(frozen=True)
class _Ranks:
    """Ranks at work: where their news are, and a reference that is ready when all have ended."""

    mailbox: Any
    ended: Any
    count: int


@contextmanager
def _ranks(
    ray: Any,
    placement: HostPlacement,
    recipe: NetworkRecipe,
    split: Split,
    parameters: TrainingParameters,
    title: str,
    folder: SharedFolder,
) -> Iterator[_Ranks]:
    """Ranks that train within the block, and are ended with it."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    mailbox = ray.remote(num_cpus=0, scheduling_strategy=here)(Mailbox).remote()
    arrays = {name: _handed_over(ray, array) for name, array in split._asdict().items()}
    task = RankTask(recipe, parameters, title, arrays, folder, partial(_tell, mailbox))
    run = ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=here)(_run_ranks)
    with tempfile.TemporaryDirectory(prefix="mnist_resnet.", ignore_cleanup_errors=True) as storage:
        ended = run.remote(task, placement, _variables(placement.platform), storage)
        try:
            yield _Ranks(mailbox, ended, placement.ranks)
            ray.wait([ended], timeout=_SECONDS_TO_END)
        finally:
            _end(ray, ended)


def _end(ray: Any, ended: Any) -> None:
    """End all ranks; Ray Train gives back what they held of the cluster, unless it takes too long."""
    if ray.wait([ended], timeout=0)[0]:  # Ray 2.60 ends this process if a task is cancelled while it completes
        return
    ray.cancel(ended)
    if not ray.wait([ended], timeout=_SECONDS_TO_END)[0]:
        ray.cancel(ended, force=True)


def _handed_over(ray: Any, array: Any) -> Any:
    return array if isinstance(array, Shards) else ray.put(np.asarray(array))


def _tell(mailbox: Any, news: Any) -> None:
    import ray

    ray.get(mailbox.put.remote(news))


def _variables(platform: str) -> dict[str, str]:
    """The environment variables of the ranks."""
    handed_on = {name: os.environ[name] for name in _HANDED_ON if name in os.environ}
    return handed_on | {BACKEND_VARIABLE: "jax", PLATFORMS_VARIABLE: platform}


def _run_ranks(task: RankTask, placement: HostPlacement, variables: dict[str, str], storage: str) -> None:
    """Start the ranks by Ray Train and wait for their end, in a process of Ray: Ray Train sets signal handlers."""
    os.environ["RAY_CHDIR_TO_TRIAL_DIR"] = "0"
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.v2.jax import JaxConfig, JaxTrainer

    JaxTrainer(
        train_as_rank,
        train_loop_config={"task": task},
        # Also without GPUs: Ray starts JAX's connection between processes for GPUs and TPUs only.
        jax_config=JaxConfig(use_gpu=True),
        scaling_config=ScalingConfig(
            num_workers=placement.ranks,
            use_gpu="GPU" in placement.resources,
            resources_per_worker=placement.resources,
            placement_strategy=placement.strategy,
        ),
        run_config=RunConfig(
            storage_path=storage,
            failure_config=FailureConfig(max_failures=MOST_RESTARTS),
            worker_runtime_env={"env_vars": variables},
        ),
    ).fit()


def _followed(ray: Any, ranks: _Ranks) -> Trained:
    """What the ranks come to; what they tell is logged and announced meanwhile."""
    listener, heard = _Listener(), time.monotonic()
    while True:
        ended, _ = ray.wait([ranks.ended], timeout=_SECONDS_BETWEEN_LOOKS)
        for news in ray.get(ranks.mailbox.take.remote()):
            heard = time.monotonic()
            if trained := listener.told(news):
                return trained
        if ended:
            raise ClusterError(_why_ended(ray, ranks.ended))
        if time.monotonic() - heard > _SECONDS_WITHOUT_NEWS:
            heard = time.monotonic()
            alive = sum(node["Alive"] for node in ray.nodes())
            logger.warning(
                "Nothing was heard of the ranks for %.0f s. They need %d hosts, and Ray has %d",
                *(_SECONDS_WITHOUT_NEWS, ranks.count, alive),
            )


class _Listener:
    """Announces what the ranks tell; what ranks that have started again tell once more, it does not."""

    def __init__(self) -> None:
        self._started, self._epochs = False, 0

    def told(self, news: Any) -> Trained | None:
        """Take note of news; of the last, what the training has come to.

        Raises:
            UserError: That a rank has raised.
        """
        match news:
            case Trained():
                return news
            case UserError():
                raise news
            case LoggedElsewhere():
                news.log()
            case TrainingStart():
                self._start(news)
            case EpochResult(epoch=epoch) if epoch > self._epochs:
                self._epochs = epoch
                announce(news)
        return None

    def _start(self, start: TrainingStart) -> None:
        if self._started:
            logger.warning("A rank was lost; all ranks have started again, and go on from the last checkpoint")
        else:
            announce(start)
        self._started = True


def _why_ended(ray: Any, ended: Any) -> str:
    try:
        ray.get(ended)
    except ray.exceptions.RayError as error:
        said = str(error).strip()
    else:
        said = "they have ended without a result"
    return f"The ranks of the training were lost {MOST_RESTARTS + 1} times, the last time by:\n{said}"
