import pytest

from mnist_resnet.computing.cluster import ADDRESS_VARIABLE, ClusterError
from mnist_resnet.training.hosts.driver import require_hosts


@pytest.mark.parametrize(("missing", "named"), [("ray", "Ray"), ("jax", "Jax")])
def test_without_its_packages_a_training_on_hosts_is_refused_with_the_remedy(
    training_parameters, monkeypatch: pytest.MonkeyPatch, missing: str, named: str
) -> None:
    monkeypatch.setattr("mnist_resnet.computing.cluster.find_spec", lambda name: None if name == missing else name)
    with pytest.raises(ClusterError, match=f"^{named} is not installed: `make scale` adds it"):
        require_hosts(training_parameters)


@pytest.mark.scale
def test_without_a_cluster_no_ray_is_started_to_check(training_parameters, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ADDRESS_VARIABLE, raising=False)
    monkeypatch.setattr("mnist_resnet.training.hosts.driver.cluster", lambda: pytest.fail("it was started"))
    require_hosts(training_parameters)
