"""Run after run in one process: memory, open files and threads stay where they are."""

import gc
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import PROJECT
from tests.integration.conftest import make_project

pytestmark = [pytest.mark.integration, pytest.mark.slow]

RUNS, WARM_UP = 20, 4
MIB = 1024
# A run that kept its graph and data, as it once did, cost 10 MiB, four open files and 14,000 objects.
MOST_MIB_A_RUN = 2.0


@dataclass(frozen=True)
class Usage:
    """What a process holds: anonymous memory in MiB, open files, threads, and Python's objects."""

    mib: float
    files: int
    threads: int
    objects: int

    @classmethod
    def now(cls) -> "Usage":
        gc.collect()
        lines = Path("/proc/self/status").read_text().splitlines()
        stated = {name: value.split() for name, _, value in (line.partition(":\t") for line in lines)}
        files = len(list(Path("/proc/self/fd").iterdir()))
        return cls(int(stated["RssAnon"][0]) / MIB, files, int(stated["Threads"][0]), len(gc.get_objects()))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells what a process holds; this is another")
def test_twenty_runs_in_one_process_hold_no_more_than_a_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MNIST_RESNET_DATA_MIRROR", str(PROJECT / "data" / "01_raw"))
    project, usages = make_project(tmp_path), []
    for number in range(RUNS):
        project.run(env="smoke", pipeline_names=["training"])
        usages.append(Usage.now())
        print(number + 1, usages[-1])  # noqa: T201  # `pytest -s` shows the curve
    settled = usages[WARM_UP:]
    slope = np.polyfit(np.arange(len(settled)), [usage.mib for usage in settled], 1)[0]
    assert slope < MOST_MIB_A_RUN, usages
    assert settled[-1].files <= settled[0].files + 1, usages  # one that is being closed
    assert settled[-1].threads <= settled[0].threads, usages
    assert settled[-1].objects < settled[0].objects * 1.05, usages
