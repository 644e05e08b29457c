"""The number of workers of a pool, without Ray."""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mnist_resnet.batch_inference import ray_pool
from mnist_resnet.batch_inference.sources.planning import plan_chunks
from mnist_resnet.batch_inference.worker import WorkerSettings
from mnist_resnet.computing.cluster import ClusterError
from tests.batch_inference.test_answer_files import JOB

CORES = (5, 3)


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many workers were asked of a cluster with more cores than this machine may have."""
    counts: list[int] = []

    def made(chunks: Any, numbers: Any, order: Any, workers: int, worker: Any) -> Iterator[tuple[int, int, str]]:
        counts.append(workers)
        yield from ()

    nodes = [{"Alive": True, "Resources": {"CPU": float(cores)}} for cores in CORES]
    gone = {"Alive": False, "Resources": {"CPU": 64.0}}
    ray = SimpleNamespace(nodes=lambda: [*nodes, gone, {"Alive": True, "Resources": {}}])
    monkeypatch.setattr(ray_pool, "cluster", lambda address: nullcontext(ray))
    monkeypatch.setattr(ray_pool, "_made", made)
    return counts


def make(folder: Path, workers: int | None, threads: int, parts: int = 20) -> None:
    np.save(folder / "images.npy", np.zeros((parts, 8, 8), np.uint8))
    (folder / "answers").mkdir()
    plan = plan_chunks([str(folder / "images.npy")], (8, 8), 1)
    order = WorkerSettings(folder / "answers", JOB, threads, 1)
    ray_pool.make_parts(plan, b"", order, workers, "HEAD:6379", lambda *_: None)


@pytest.mark.parametrize(
    ("workers", "threads", "parts", "count"),
    [
        (None, 1, 20, 8),
        (None, 3, 20, 2),
        (None, 4, 20, 1),
        (3, 1, 20, 3),
        (30, 1, 20, 8),
        (None, 1, 5, 5),
        (9, 1, 5, 5),
    ],
)
def test_a_cluster_is_used_as_far_as_there_is_work_unless_fewer_workers_are_asked_for(
    workers: int | None, threads: int, parts: int, count: int, tmp_path: Path, pool: list[int]
) -> None:
    make(tmp_path, workers, threads, parts)
    assert pool == [count]


def test_a_worker_that_no_node_has_the_cores_for_is_refused(tmp_path: Path, pool: list[int]) -> None:
    with pytest.raises(ClusterError, match=r"--threads: received 6, but no node has more than 5 cores"):
        make(tmp_path, None, 6)
    assert pool == []
