"""JAX's connection among the ranks of a training."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def connection_among_ranks() -> Iterator[None]:
    """Connect JAX in this rank with the others, before it computes anything, for the time of the block.

    The first rank's coordinator listens only at the address by which Ray knows its host: loopback, where Ray was
    started for one process. Ray's own way has it listen at all addresses, and gives each rank the GPUs from 0 on
    instead of those that Ray has reserved for it.
    """
    import jax
    from ray.train import get_context
    from ray.train.collective import broadcast_from_rank_zero

    rank, ranks = get_context().get_world_rank(), get_context().get_world_size()
    address = broadcast_from_rank_zero(_free_address() if rank == 0 else None)
    # What a queue such as Slurm says of its own processes is not true of the ranks.
    jax.distributed.initialize(
        address, ranks, rank, cluster_detection_method="deactivate", coordinator_bind_address=address
    )
    yield
    # It waits for the other ranks, so it is left out after an error.
    jax.distributed.shutdown()  # type: ignore[no-untyped-call]


def _free_address() -> str:
    import ray

    host = ray.util.get_node_ip_address()
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as found:
        found.bind((host, 0))
        port = found.getsockname()[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
