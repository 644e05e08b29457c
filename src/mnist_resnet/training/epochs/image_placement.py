"""The choice of where the images of a training are: on the device for good, or in the host's memory."""

import logging

from mnist_resnet.computing.backend import keras
from mnist_resnet.config import TrainingParameters
from mnist_resnet.data.split import Split
from mnist_resnet.storage.shards import Shards
from mnist_resnet.training.distribution import devices_in_use
from mnist_resnet.training.epochs.host_fed import HostFedEpochs
from mnist_resnet.training.epochs.interface import Epochs
from mnist_resnet.training.epochs.on_device import DeviceEpochs

logger = logging.getLogger(__name__)

_SHARE_FOR_IMAGES = 0.25
_STEPS_BETWEEN_LOOKS = 16  # on a GPU, which would otherwise wait for the host after each step


def make_suitable_epochs(
    trainee: keras.Model, network: keras.Model, split: Split, parameters: TrainingParameters
) -> Epochs:
    """``DeviceEpochs`` on one GPU that has room for the images, else ``HostFedEpochs``; which of them is logged.

    Args:
        trainee: Compiled; see ``build_trainee``.
        network: That of the trainee.
        split: Training and validation arrays.
        parameters: The batch size, and whether weights are averaged.
    """
    copies = 2 if parameters.small_epochs else 1  # one of epochs on small images, too
    size, memory = copies * (split.train_images.nbytes + split.validation_images.nbytes), gpu_memory()
    if isinstance(split.train_images, Shards):
        logger.info("Each batch is fed from the host's memory, to which the images are streamed from shards")
        return HostFedEpochs(trainee, network, split, parameters, 1 if memory is None else _STEPS_BETWEEN_LOOKS)
    if memory is None:
        logger.info("Each batch is fed from the host's memory: there is no GPU")
        return HostFedEpochs(trainee, network, split, parameters)
    if devices_in_use() > 1:
        logger.info("Each batch is fed from the host's memory, to the GPUs that share it")
        return HostFedEpochs(trainee, network, split, parameters, _STEPS_BETWEEN_LOOKS)
    sizes = f"the images take {size / 1e6:,.0f} MB, and the GPU has {memory / 1e6:,.0f} MB"
    if not fits(size, memory):
        logger.info("Each batch is fed from the host's memory: %s", sizes)
        return HostFedEpochs(trainee, network, split, parameters, _STEPS_BETWEEN_LOOKS)
    logger.info("The images stay on the GPU, and many steps are one compiled program: %s", sizes)
    return DeviceEpochs(trainee, network, split, parameters)


def fits(images: int, memory: int) -> bool:
    """Whether images may stay on a device: they take less than a quarter of its memory.

    Args:
        images: Bytes of all images.
        memory: Bytes that the process may use on the device.
    """
    return images < _SHARE_FOR_IMAGES * memory


def gpu_memory() -> int | None:
    """Bytes that the backend may use on its first GPU; None if it computes on another device."""
    if keras.backend.backend() == "jax":
        import jax

        device = jax.local_devices()[0]
        return (device.memory_stats() or {}).get("bytes_limit", 0) if device.platform == "gpu" else None
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        return None
    from tensorflow.python.client import device_lib

    return next(int(device.memory_limit) for device in device_lib.list_local_devices() if device.device_type == "GPU")
