from typing import Any

import pytest

from mnist_resnet.computing.cluster import cluster
from tests.integration.scale.conftest import WORKERS


@pytest.mark.scale
def test_whatever_asks_for_a_cluster_gets_the_shared_one(ray_cluster: Any) -> None:
    with cluster(cpus=1) as joined:
        assert joined.cluster_resources()["CPU"] == WORKERS
    assert ray_cluster.is_initialized()
