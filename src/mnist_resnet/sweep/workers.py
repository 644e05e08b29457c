"""What Ray runs for a sweep: the scheduler, trials, and the checks of other nodes."""

import os
import platform
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mnist_resnet.computing.cluster import on_node
from mnist_resnet.computing.processor import set_by_user
from mnist_resnet.storage.lock import LockedError, folder_lock
from mnist_resnet.sweep.plan import SweepPlan
from mnist_resnet.sweep.study import Study
from mnist_resnet.sweep.trial import TrialTask, run_trial
from mnist_resnet.sweep.trial_result import TrialResult
from mnist_resnet.sweep.trial_scheduler import FixedList, TrialScheduler

_CARRIED = ("MNIST_RESNET_", "MLFLOW_", "KERAS_BACKEND", "TF_", "XLA_", "ONEDNN_")
_SECONDS_UNTIL_FREE = 60
_SHARE_OF_MEMORY = 0.9  # of a share of a GPU; the rest is the driver's own


def start_scheduler(ray: Any, plan: SweepPlan) -> Any:
    """The scheduler of a plan, as an actor on this node that takes no core."""
    options = {"num_cpus": 0, "scheduling_strategy": on_node(ray)}
    scheduler: type[TrialScheduler] = Study if plan.space else FixedList
    return ray.remote(scheduler).options(**options).remote(plan)


def start_trial(ray: Any, task: TrialTask, scheduler: Any) -> Any:
    """Start a trial in a fresh process, as soon as there are cores and GPUs for it.

    Returns:
        Ray's reference to its result. Ray does not try again by itself: whoever waits is to know.
    """
    plan = task.plan
    options = {"num_cpus": plan.cpus, "num_gpus": plan.gpus, "max_calls": 1, "max_retries": 0}
    return ray.remote(**options)(_trial).remote(task, scheduler, _variables(plan))


def node_facts(ray: Any, node_id: str, paths: Sequence[Path]) -> Any:
    """Ask a node what it is like, and what it does not see; returns Ray's reference to ``facts``."""
    return ray.remote(num_cpus=0)(facts).options(scheduling_strategy=on_node(ray, node_id)).remote(paths)


def facts(paths: Sequence[Path]) -> tuple[dict[str, str], list[Path]]:
    """Versions of Python and of this package here, and which of the paths are not seen."""
    versions = {"Python": platform.python_version(), "mnist_resnet": version("mnist-resnet")}
    return versions, [path for path in paths if not path.exists()]


def _trial(task: TrialTask, scheduler: Any, variables: Mapping[str, str]) -> TrialResult:
    import ray

    os.environ |= variables
    _wait_for_earlier_process(task.outputs)
    return run_trial(task, lambda epoch, loss: bool(ray.get(scheduler.report.remote(task.trial, epoch, loss))))


def _variables(plan: SweepPlan) -> dict[str, str]:
    """What a worker on any node must know of this process' environment."""
    carried = {name: value for name, value in set_by_user(os.environ).items() if name.startswith(_CARRIED)}
    if 0 < plan.gpus < 1:  # TensorFlow takes memory as it needs it anyway; JAX takes most of a GPU
        carried["XLA_PYTHON_CLIENT_MEM_FRACTION"] = f"{plan.gpus * _SHARE_OF_MEMORY:.3f}"
    return carried


def _wait_for_earlier_process(outputs: Path) -> None:
    """Wait until nobody works in a trial's folder, such as a process whose driver has just died."""
    for _ in range(_SECONDS_UNTIL_FREE):
        try:
            with folder_lock(outputs):
                return
        except LockedError:
            time.sleep(1)
