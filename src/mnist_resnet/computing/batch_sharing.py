"""The devices that share the batches of one training."""

from typing import Literal

from mnist_resnet.computing.backend_choice import BACKEND_VARIABLE, chosen_backend
from mnist_resnet.computing.device import DeviceError


def devices_for(asked: int | Literal["all"], batch_size: int) -> list[str]:
    """The devices that share each batch, by the names that Keras has for them.

    Args:
        asked: How many, or ``all`` of this machine.
        batch_size: Images in a batch.

    Returns:
        At least two names; none if one device computes alone.

    Raises:
        DeviceError: If there are fewer, if they cannot share a batch evenly, or if TensorFlow is to use several.
    """
    if asked == 1:
        return []
    if chosen_backend() == "tensorflow":
        _refuse_for_tensorflow(asked)
        return []
    names = _of_jax()
    if asked != "all" and asked > len(names):
        raise DeviceError(
            f"training.devices: received {asked}, but JAX finds {len(names)}: {', '.join(names)}; choose at most that "
            f"many, or all"
        )
    chosen = names if asked == "all" else names[:asked]
    if batch_size % len(chosen):
        raise DeviceError(
            f"training.batch_size: received {batch_size}, which {len(chosen)} devices cannot share evenly; choose a "
            f"multiple of {len(chosen)}, or other training.devices"
        )
    return chosen if len(chosen) > 1 else []


def _refuse_for_tensorflow(asked: int | Literal["all"]) -> None:
    if asked == "all":
        import tensorflow as tf

        if len(tf.config.list_physical_devices("GPU")) < 2:
            return
    raise DeviceError(
        f"training.devices: received {asked}, but on TensorFlow one device trains: batch norm would see a part of each "
        f"batch there, which makes another network. Set {BACKEND_VARIABLE}=jax, or training.devices to 1"
    )


def _of_jax() -> list[str]:
    import jax

    return [f"{device.platform}:{device.id}" for device in jax.local_devices()]
