from dataclasses import replace
from typing import Any

import pytest

from mnist_resnet.computing.device import DeviceError
from mnist_resnet.training.hosts.placement import HostPlacement, place_on_hosts

ADDRESS = "head:6379"


@pytest.fixture
def on_two(training_parameters):
    return replace(training_parameters, hosts=2)


def node(cpus: float = 8, gpus: float = 0) -> dict[str, Any]:
    return {"Resources": {"CPU": cpus} | ({"GPU": gpus} if gpus else {})}


def test_there_is_one_rank_a_host(on_two) -> None:
    placement = place_on_hosts([node(), node(), node()], on_two, ADDRESS)
    assert placement == HostPlacement(2, {"CPU": 1.0}, "STRICT_SPREAD", "cpu")


@pytest.mark.parametrize(("devices", "each"), [("all", 8.0), (1, 1.0), (4, 4.0)])
def test_a_rank_has_the_gpus_that_are_asked_for(on_two, devices, each) -> None:
    placement = place_on_hosts([node(), node(gpus=8), node(gpus=8)], replace(on_two, devices=devices), ADDRESS)
    assert placement == HostPlacement(2, {"CPU": 1.0, "GPU": each}, "STRICT_SPREAD", "cuda")


def test_who_asks_jax_for_the_cpu_gets_it(on_two) -> None:
    placement = place_on_hosts([node(gpus=8), node(gpus=8)], on_two, ADDRESS, "cpu")
    assert placement == HostPlacement(2, {"CPU": 1.0}, "STRICT_SPREAD", "cpu")


@pytest.mark.parametrize("nodes", [[node()], [node(), node(cpus=0)]])
def test_a_cluster_with_too_few_hosts_is_refused(on_two, nodes) -> None:
    with pytest.raises(
        DeviceError, match=r"^training\.hosts: received 2, but the cluster at head:6379 has 1; add hosts by `ray start"
    ):
        place_on_hosts(nodes, on_two, ADDRESS)


def test_hosts_with_too_few_gpus_do_not_count(on_two) -> None:
    with pytest.raises(DeviceError, match="has 1 with 4 GPUs or more; add"):
        place_on_hosts([node(gpus=4), node(gpus=2)], replace(on_two, devices=4), ADDRESS)


def test_all_gpus_of_unequal_hosts_are_refused(on_two) -> None:
    with pytest.raises(DeviceError, match=r"^training\.devices: received all, but the hosts have 2, 4 GPUs; choose"):
        place_on_hosts([node(gpus=4), node(gpus=2)], replace(on_two, devices="all"), ADDRESS)


def test_a_required_gpu_that_no_host_has_is_refused(on_two) -> None:
    with pytest.raises(DeviceError, match=r"^training\.require_gpu is true, but Ray knows of no GPU"):
        place_on_hosts([node(), node()], replace(on_two, require_gpu=True), ADDRESS)


def test_a_required_gpu_that_the_user_has_ruled_out_is_refused_with_that_reason(on_two) -> None:
    with pytest.raises(DeviceError, match=r"but JAX is held to the CPU; unset JAX_PLATFORMS=cpu, or set it to false"):
        place_on_hosts([node(gpus=1), node(gpus=1)], replace(on_two, require_gpu=True), ADDRESS, "cpu")


def test_where_some_hosts_have_a_gpu_it_is_said_that_those_alone_count(on_two) -> None:
    said = r"the cluster at head:6379 has 1 with 1 GPU or more; .* or set JAX_PLATFORMS=cpu to train on processors"
    with pytest.raises(DeviceError, match=said):
        place_on_hosts([node(), node(), node(gpus=1)], on_two, ADDRESS)


def test_without_a_cluster_processes_of_this_machine_train_and_a_warning_says_so(on_two, caplog) -> None:
    assert place_on_hosts([node(cpus=2)], on_two, None) == HostPlacement(2, {"CPU": 1.0}, "PACK", "cpu")
    assert "RAY_ADDRESS names no cluster, so 2 processes of this machine train in their place" in caplog.text


def test_without_a_cluster_the_gpus_of_this_machine_are_for_one_process(on_two) -> None:
    with pytest.raises(DeviceError, match=r"names no cluster, and GPUs .* set training\.devices to their number"):
        place_on_hosts([node(gpus=2)], on_two, None)


def test_hosts_that_can_have_a_rank_are_counted_whatever_else_they_do() -> None:
    placement = HostPlacement(2, {"CPU": 1.0, "GPU": 4.0}, "STRICT_SPREAD", "cuda")
    nodes = [node(gpus=4), node(gpus=8), node(gpus=2), node()]
    assert placement.hosts_among(nodes) == 2
    assert placement.hosts == 2
    assert HostPlacement(8, {"CPU": 1.0}, "PACK", "cpu").hosts == 1
