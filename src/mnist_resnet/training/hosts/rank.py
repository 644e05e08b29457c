"""A rank: one process of a training on several hosts, started by Ray and sharing each batch with the others by JAX."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_resnet.config import TrainingParameters
from mnist_resnet.data.split import Split
from mnist_resnet.errors import UserError
from mnist_resnet.storage.shards import Shards
from mnist_resnet.terminal.messages import Forwarding
from mnist_resnet.training.events import EpochResult, History, TrainingDevice, TrainingStart, listening
from mnist_resnet.training.hosts.connection import connection_among_ranks
from mnist_resnet.training.hosts.shared_folder import SharedFolder
from mnist_resnet.training.network_spec import NetworkSpec

_PACKAGE = "mnist_resnet"


@dataclass(frozen=True)
class Trained:
    """What a training on several hosts comes to.

    Attributes:
        weights: Of the network, in Keras' order.
        history: One result for each epoch.
        device: What it was computed on.
    """

    weights: list[npt.NDArray[Any]]
    history: History
    device: TrainingDevice


@dataclass(frozen=True)
class RankTask:
    """What each rank is given.

    Attributes:
        spec: Of the network.
        parameters: Of the training.
        title: The data set's name.
        arrays: The parts of the split by name: shards, or references to arrays in Ray's object store.
        checkpoint: The folder of the checkpoint, which all hosts see.
        tell: Takes news to the process that has started the training, and waits until they are there.
    """

    spec: NetworkSpec
    parameters: TrainingParameters
    title: str
    arrays: dict[str, Any]
    checkpoint: SharedFolder
    tell: Callable[[Any], None]


def train_as_rank(config: dict[str, RankTask]) -> None:
    """Train together with the other ranks; the first of them tells how it goes and what it comes to.

    Args:
        config: The ``task``, as Ray hands it on.

    Raises:
        UserError: Such as are told as well; another error may come of a rank that was lost.
    """
    from ray.train import get_context

    task, is_first = config["task"], get_context().get_world_rank() == 0
    try:
        with connection_among_ranks(), _told(task.tell) if is_first else ExitStack():
            trained = _train(task)
    except UserError as error:
        task.tell(error)
        raise
    if is_first:
        task.tell(trained)


def _train(task: RankTask) -> Trained:
    from mnist_resnet.training.runtime import runtime

    folder: Path = task.checkpoint.require()
    split = Split(**{name: _fetched(array) for name, array in task.arrays.items()})
    with runtime(task.parameters) as device:
        network, history = task.spec.train(split, task.parameters, task.title, folder)
        return Trained([np.array(weight) for weight in network.get_weights()], history, device)


def _fetched(array: Any) -> Any:
    if isinstance(array, Shards):
        return array
    import ray

    return ray.get(array)


@contextmanager
def _told(tell: Callable[[Any], None]) -> Iterator[None]:
    """Tell what is logged and announced within the block."""
    logger, handler = logging.getLogger(_PACKAGE), Forwarding(tell)
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        with listening(tell, TrainingStart), listening(tell, EpochResult):
            yield
    finally:
        logger.removeHandler(handler)
