import signal
import socket
import sys
from collections.abc import Iterator

import pytest

from mnist_resnet.computing.cluster import ADDRESS_VARIABLE, ClusterError, cluster
from tests.integration.conftest import listening_addresses


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ADDRESS_VARIABLE, raising=False)


def test_without_ray_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setattr("mnist_resnet.computing.cluster.find_spec", lambda _: None)
    with pytest.raises(ClusterError, match="Ray is not installed: `make scale`"), cluster():
        pass


@pytest.fixture
def free_port() -> Iterator[int]:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.mark.scale
def test_an_address_where_nothing_answers_is_refused_at_once(free_port: int) -> None:
    refusal = r"^--address: received .*, where nothing answers .*, or leave --address out to use this machine$"
    with pytest.raises(ClusterError, match=refusal), cluster(f"127.0.0.1:{free_port}"):
        pass


@pytest.mark.scale
def test_the_variable_is_named_where_it_named_the_address(free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ADDRESS_VARIABLE, f"127.0.0.1:{free_port}")
    refusal = r"^RAY_ADDRESS: received .*, where nothing answers .*, or leave RAY_ADDRESS out to use this machine$"
    with pytest.raises(ClusterError, match=refusal), cluster():
        pass


@pytest.mark.scale
@pytest.mark.parametrize("address", ["nowhere", "ray://head:10001", "head:", ":6379"])
def test_what_is_no_address_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ADDRESS_VARIABLE, address)
    with pytest.raises(ClusterError, match=f"^RAY_ADDRESS: received '{address}'; write host:port"), cluster():
        pass


@pytest.mark.scale
def test_a_cluster_that_runs_here_is_not_joined_unless_it_is_named() -> None:
    from ray.cluster_utils import Cluster

    started = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        with cluster(cpus=2) as ray:
            assert ray.get_runtime_context().gcs_address != started.address
            assert ray.cluster_resources()["CPU"] == 2
    finally:
        started.shutdown()


@pytest.mark.scale
def test_a_cluster_of_its_own_listens_on_loopback_and_leaves_signals_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with cluster(cpus=1) as ray:
        assert signal.getsignal(signal.SIGTERM) is before
        assert ray.cluster_resources()["CPU"] == 1
        head = ray.get_runtime_context().gcs_address
        assert listening_addresses(int(head.rpartition(":")[2])) <= {"127.0.0.1", "::ffff:127.0.0.1"}
        with cluster() as joined:
            assert joined.get_runtime_context().gcs_address == head
        assert ray.is_initialized()
    assert not ray.is_initialized()
    assert signal.getsignal(signal.SIGTERM) is before
