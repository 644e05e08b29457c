"""A cluster of this machine, which all tests of this folder share."""

from collections.abc import Iterator
from typing import Any

import pytest

from mnist_resnet.computing.cluster import ADDRESS_VARIABLE, cluster

WORKERS = 2


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[Any]:
    """Ray with two workers, which whatever asks for a cluster in this process gets."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(ADDRESS_VARIABLE, raising=False)
        with cluster(cpus=WORKERS) as ray:
            yield ray
