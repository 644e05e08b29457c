"""The devices that share the batches of one training."""

from collections import defaultdict
from typing import Literal

from mnist_resnet.computing.backend_choice import BACKEND_VARIABLE, chosen_backend
from mnist_resnet.computing.device import DeviceError


def devices_for(asked: int | Literal["all"], batch_size: int, hosts: int = 1) -> list[str]:
    """The devices that share each batch, by the names that Keras has for them.

    Args:
        asked: How many of each host, or ``all``.
        batch_size: Images in a batch.
        hosts: How many share each batch; this process is one of as many.

    Returns:
        At least two names, host by host; none if one device computes alone.

    Raises:
        DeviceError: If there are fewer, if they cannot share a batch evenly, or if TensorFlow is to use several.
    """
    if asked == 1 and hosts == 1:
        return []
    if chosen_backend() == "tensorflow":
        _refuse_for_tensorflow(asked)
        return []
    chosen = [name for names in _of_jax(hosts) for name in _some(names, asked)]
    if batch_size % len(chosen):
        keys = "training.devices" if hosts == 1 else "training.devices and training.hosts"
        raise DeviceError(
            f"training.batch_size: received {batch_size}, which {len(chosen)} devices cannot share evenly; choose a "
            f"multiple of {len(chosen)}, or other {keys}"
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


def _some(names: list[str], asked: int | Literal["all"]) -> list[str]:
    if asked != "all" and asked > len(names):
        raise DeviceError(
            f"training.devices: received {asked}, but JAX finds {len(names)}: {', '.join(names)}; choose at most that "
            f"many, or all"
        )
    return names if asked == "all" else names[:asked]


def _of_jax(hosts: int) -> list[list[str]]:
    """The devices of each host, in the order of their processes."""
    import jax

    if jax.process_count() != hosts:
        raise DeviceError(f"training.hosts: received {hosts}, but JAX runs in {jax.process_count()} processes")
    names: dict[int, list[str]] = defaultdict(list)
    for device in jax.devices():
        names[device.process_index].append(f"{device.platform}:{device.id}")
    return [names[host] for host in sorted(names)]
