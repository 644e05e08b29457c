"""The launch of the ranks of a training by Ray Train, which starts all of them again if one is lost, and their end."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mnist_resnet.computing.backend_choice import BACKEND_VARIABLE
from mnist_resnet.training.hosts.placement import PLATFORMS_VARIABLE, HostPlacement
from mnist_resnet.training.hosts.rank import RankTask, train_as_rank

MOST_RESTARTS = 5
_SECONDS_TO_END = 15.0
_HANDED_ON = ("XLA_FLAGS", "NVIDIA_TF32_OVERRIDE")


@contextmanager
def launched_ranks(ray: Any, here: Any, task: RankTask, placement: HostPlacement) -> Iterator[Any]:
    """Ranks that train within the block, and are ended with it.

    Args:
        ray: The module.
        here: Ray's strategy by which a process is on this host.
        task: Of each rank.
        placement: Of the ranks.

    Yields:
        Ray's reference, which is ready when all ranks have ended.
    """
    run = ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=here)(_run_ranks)
    with tempfile.TemporaryDirectory(prefix="mnist_resnet.", ignore_cleanup_errors=True) as storage:
        ended = run.remote(task, placement, _variables(placement.platform), storage)
        try:
            yield ended
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
        jax_config=JaxConfig(),  # which leaves JAX to the ranks, see ``connection_among_ranks``
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
