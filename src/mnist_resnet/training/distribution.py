"""The distribution of each batch over several devices, as one device would compute it."""

from collections.abc import Iterator
from contextlib import contextmanager

from mnist_resnet.computing.backend import keras
from mnist_resnet.computing.batch_sharing import devices_for
from mnist_resnet.config import TrainingParameters


@contextmanager
def distributed(parameters: TrainingParameters) -> Iterator[None]:
    """Give each device a part of each batch, and all weights, within the block: of networks that are built there.

    The loss and batch norm are those of the whole batch, since XLA adds up what the devices compute. An earlier
    distribution is put back. ``clear_session`` forgets one without a word, so it must not be called in the block.

    Args:
        parameters: ``devices`` and ``batch_size``.

    Raises:
        DeviceError: As ``devices_for``.
    """
    devices, before = devices_for(parameters.devices, parameters.batch_size), keras.distribution.distribution()
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices) if devices else None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(before)


def devices_in_use() -> int:
    """How many devices share each batch now."""
    distribution = keras.distribution.distribution()
    return 1 if distribution is None else int(distribution.num_model_replicas)
