"""The distribution of each batch over several devices and hosts, as one device would compute it."""

from dataclasses import dataclass

import numpy as np

from mnist_resnet.computing.backend import keras
from mnist_resnet.computing.device import DeviceError
from mnist_resnet.computing.training_devices import devices_for
from mnist_resnet.config import TrainingParameters


@dataclass(frozen=True)
class Share:
    """The part of each batch that one of several processes feeds.

    Attributes:
        rank: The number of the process, counted from 0.
        ranks: How many processes there are.
    """

    rank: int = 0
    ranks: int = 1

    def rows(self, number: int, batch_size: int) -> slice:
        """The part's places among those of all batches.

        Args:
            number: Of the batch, counted from 0.
            batch_size: Of the whole batch; a multiple of ``ranks``.
        """
        size = batch_size // self.ranks
        first = number * batch_size + self.rank * size
        return slice(first, first + size)


ALONE = Share()


def distribute(parameters: TrainingParameters) -> None:
    """Give each device a part of each batch, and all weights, of networks that are built from now on.

    The loss and batch norm are those of the whole batch, since XLA adds up what the devices compute. ``clear_session``
    forgets a distribution without a word, so it must not be called afterwards.

    Args:
        parameters: ``devices``, ``hosts`` and ``batch_size``.

    Raises:
        DeviceError: As ``devices_for``.
    """
    devices = devices_for(parameters.devices, parameters.batch_size, parameters.hosts)
    # Each process feeds its own part, see Share.
    shared = keras.distribution.DataParallel(devices=devices, auto_shard_dataset=False) if devices else None
    keras.distribution.set_distribution(shared)


def devices_in_use() -> int:
    """How many devices share each batch now, on all hosts."""
    distribution = keras.distribution.distribution()
    return 1 if distribution is None else int(distribution.num_model_replicas)


def own_share() -> Share:
    """What this process feeds of each batch."""
    if keras.distribution.distribution() is None:
        return ALONE
    import jax

    return Share(jax.process_index(), jax.process_count())


def require_agreement(identity: str, epochs: int) -> None:
    """Refuse to go on if the ranks of a training would not take the same steps together.

    Args:
        identity: The digest of all that decides the training in this process, in hexadecimal digits.
        epochs: How many epochs it has restored.

    Raises:
        DeviceError: If the ranks compute in different ways, or go on from different epochs.
    """
    if own_share().ranks == 1:
        return
    from jax.experimental.multihost_utils import process_allgather

    identities = np.frombuffer(bytes.fromhex(identity), np.int32)
    every = np.asarray(process_allgather(np.append(identities, np.int32(epochs))))
    if (every[:, :-1] != every[0, :-1]).any():
        raise DeviceError(
            "training.hosts: the hosts would not compute alike: they have different devices, data or settings. State "
            "training.precision and training.tf32, or take hosts of one kind"
        )
    if (every[:, -1] != epochs).any():
        restored = ", ".join(map(str, every[:, -1].tolist()))
        raise DeviceError(
            f"training.hosts: the hosts could read {restored} epochs of the checkpoint; type the command again"
        )
