"""Ray: started on this machine, or joined where a cluster runs."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from typing import Any, NamedTuple

from mnist_resnet.computing.native_output import captured_native_output
from mnist_resnet.errors import UserError

ADDRESS_VARIABLE = "RAY_ADDRESS"
_SECONDS_TO_ANSWER = 5.0


class ClusterError(UserError, RuntimeError):
    """Ray is not installed, or the cluster that was named cannot be used."""


@contextmanager
def cluster(address: str | None = None, cpus: int | None = None) -> Iterator[Any]:
    """Ray within the block: the cluster that is named, else one of this process alone, which ends with the block.

    A process that is connected already stays so, whatever is asked for. One of its own listens on loopback only. Ray's
    handler of SIGTERM is put back, since commands stop in order by their own.

    Args:
        address: ``host:port`` of a cluster's head, or ``auto`` for the one that runs on this machine; if None, the
            variable RAY_ADDRESS names it, or nothing does.
        cpus: How many cores a cluster of its own has; None: all of this machine.

    Yields:
        The module ``ray``.

    Raises:
        ClusterError: If Ray is not installed, or the cluster does not answer.
    """
    ray, named = _ray(), _named(address)
    if ray.is_initialized():
        yield ray
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        with captured_native_output():  # Ray says there how much it is going to say
            if named:
                _join(ray, named)
            else:
                # Without "local", Ray would join what somebody has started on this machine by `ray start`.
                ray.init("local", num_cpus=cpus, _node_ip_address="127.0.0.1", **_QUIET)
        _restore(before)
        yield ray
    finally:
        ray.shutdown()
        _restore(before)


_QUIET = {"include_dashboard": False, "log_to_driver": False, "logging_level": "ERROR"}


def require_extra(*modules: str) -> None:
    """Refuse to go on without packages of the extra ``scale``.

    Args:
        modules: The names by which they are imported, such as ``ray``.

    Raises:
        ClusterError: If one is not installed.
    """
    for module in modules:
        if find_spec(module) is None:
            remedy = "`make scale` adds it, or `pip install 'mnist-resnet[scale]'`"
            raise ClusterError(f"{module.capitalize()} is not installed: {remedy}")


def alive_nodes(ray: Any) -> list[dict[str, Any]]:
    """The nodes of the cluster that are there, as Ray describes them.

    Args:
        ray: Ray's module, connected.
    """
    return [node for node in ray.nodes() if node["Alive"]]


def on_node(ray: Any, node_id: str | None = None) -> Any:
    """Ray's strategy that places something on one node, or nowhere.

    Args:
        ray: Ray's module, connected.
        node_id: Ray's identifier; if None, that of the node of this process.
    """
    place = node_id or ray.get_runtime_context().get_node_id()
    return ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(place, soft=False)


def _ray() -> Any:
    """Ray's module, which reads these variables when it is imported."""
    require_extra("ray")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # What its programs write is in its log files; the terminal is for this project's own words.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    # Ray's way to say that the nodes of a cluster of its own need not be reached from outside.
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    import ray

    return ray


class _Named(NamedTuple):
    """An address, and the option or variable by which the user has named it."""

    address: str
    by: str

    def refused(self, why: str) -> ClusterError:
        return ClusterError(f"{self.by}: received '{self.address}'{why}")


def _named(address: str | None) -> _Named | None:
    if address:
        return _Named(address, "--address")
    variable = os.environ.get(ADDRESS_VARIABLE)
    return _Named(variable, ADDRESS_VARIABLE) if variable else None


def _join(ray: Any, named: _Named) -> None:
    if named.address != "auto":  # Ray itself would try for minutes
        _require_answer(named)
    joining = {name: value for name, value in _QUIET.items() if name != "include_dashboard"}
    try:
        ray.init(address=named.address, **joining)
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.AuthenticationError) as error:
        raise named.refused(_why_not_joined(error)) from error


def _why_not_joined(error: Exception) -> str:
    if type(error).__name__ == "AuthenticationError" or "AuthenticationError" in str(error.__cause__):
        return ", which asks for a token: set RAY_AUTH_MODE=token, with the token of its head in ~/.ray/auth_token here"
    return f", which cannot be joined: {str(error).splitlines()[0]}"


def _require_answer(named: _Named) -> None:
    host, _, port = named.address.rpartition(":")
    if not host or not port.isdigit() or "/" in named.address:
        raise named.refused("; write host:port of the cluster's head, or auto")
    try:
        with closing(socket.create_connection((host, int(port)), _SECONDS_TO_ANSWER)):
            pass
    except (OSError, OverflowError) as error:
        raise named.refused(
            f", where nothing answers ({error}); start a cluster there with `ray start --head`, or leave {named.by} "
            f"out to use this machine"
        ) from error


def _restore(handler: Any) -> None:
    if signal.getsignal(signal.SIGTERM) is not handler:
        signal.signal(signal.SIGTERM, handler)
