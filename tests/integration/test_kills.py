"""Runs that are killed at any moment: the next one completes, to the same model, and MLflow knows of them."""

import io
import json
import shutil
import time
import zipfile
from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import onnx
import pytest

from mnist_resnet.storage.digests import digest_of_array, digests_of_onnx
from mnist_resnet.storage.lock import LOCK_FILE
from mnist_resnet.tracking.dead_runs import ENDED_BECAUSE
from tests.conftest import MadeData
from tests.integration.conftest import Project, make_project
from tests.integration.forked import Forked, ForkServer

pytestmark = [pytest.mark.integration, pytest.mark.landing]

KINDS = ("fetch", "prepare", "train", "export", "evaluate", "logging")
RUN, RESUME = ("run", "--namespaces", "squares"), ("run", "--namespaces", "squares", "--only-missing-outputs")


@pytest.fixture
def alone(tmp_path_factory: pytest.TempPathFactory, made_data: MadeData, empty_store: Path) -> Project:
    """A second project like ``squares``, in which nobody disturbs a run."""
    return make_project(tmp_path_factory.mktemp("alone"), made_data, empty_store)


def weights_of(project: Project) -> dict[str, str]:
    """Digests of the trained network's weights, and of those of the exported file."""
    models = project.folder / "data/06_models/squares"
    digests = dict(digests_of_onnx((models / "model.onnx").read_bytes()))
    del digests["graph"]
    with zipfile.ZipFile(models / "model.keras") as archive:
        stored = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(stored) as file:
        file.visititems(
            lambda name, item: digests.update({name: digest_of_array(item[()])}) if hasattr(item, "shape") else None
        )
    assert len(digests) > 10
    return digests


def assert_whole(folder: Path) -> None:
    """Whatever lies under an artifact's own name can be read to its end."""
    for path in folder.rglob("*"):
        if not path.is_file() or any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        match path.suffix:
            case ".json":
                json.loads(path.read_text())
            case ".npy":
                np.load(path)
            case ".png":
                assert path.read_bytes().endswith(b"IEND\xaeB`\x82")
            case ".keras" | ".npz":
                with zipfile.ZipFile(path) as archive:
                    assert archive.testzip() is None
            case ".onnx":
                onnx.checker.check_model(path)
            case ".html":
                assert path.read_text().rstrip().endswith("</html>")


def assert_as_if_alone(project: Project, expected: dict[str, str], kills: int) -> None:
    """Check a project whose last run has completed, and of which some have been killed."""
    assert weights_of(project) == expected
    runs = project.runs()
    assert runs[0].info.status == "FINISHED"
    assert {run.info.status for run in runs} <= {"FINISHED", "FAILED"}
    failed = [run for run in runs if run.info.status == "FAILED"]
    assert len(failed) <= kills  # some were killed before they were recorded
    assert all("died" in run.data.tags[ENDED_BECAUSE] for run in failed)
    outputs = project.folder / "data"
    assert [path for path in outputs.rglob(".*") if "01_raw" not in path.parts] == []
    assert not (outputs / LOCK_FILE).exists()


def test_runs_killed_in_three_stages_end_with_the_same_model(
    fork_server: ForkServer, squares: Project, alone: Project
) -> None:
    undisturbed = fork_server.kedro(alone, *RUN)
    killed = []
    for kind in ("fetch", "train", "export"):
        command = fork_server.kedro(squares, *RUN)
        assert command.reach(kind), command.output()
        killed.append(command.kill())
        assert_whole(squares.folder / "data")
    assert set(killed) <= set(KINDS)
    assert squares.runs()[0].info.status == "RUNNING"
    fork_server.kedro(squares, *RESUME).finish()
    undisturbed.finish()
    assert_as_if_alone(squares, weights_of(alone), kills=3)


class _Killer:
    """Kill runs of a project at random moments of their kinds of work."""

    def __init__(self, server: ForkServer, project: Project, undisturbed: Forked, seed: int) -> None:
        self._server, self._project, self._generator = server, project, np.random.default_rng(seed)
        self._marks = undisturbed.marks()
        self.hit: Counter[str] = Counter()

    def kill(self, kind: str) -> None:
        """Start a run and kill it within a kind of work, or a little later."""
        draw = self._generator
        place, seconds = self._draw_moment(kind)
        if draw.random() < 0.3:
            shutil.rmtree(self._project.folder / "data", ignore_errors=True)
        command = self._server.kedro(self._project, *(RUN if draw.random() < 0.7 else RESUME))
        if command.reach(kind, place):
            time.sleep(seconds)
        hit = command.kill()
        if hit is None:
            command.finish()
        else:
            self.hit[hit] += 1
        assert_whole(self._project.folder / "data")

    def _draw_moment(self, kind: str) -> tuple[int, float]:
        """Which of the times that an undisturbed run turned to this kind of work, and how long after that."""
        following = [at for at, _ in self._marks[1:]]
        lengths = [end - at for (at, each), end in zip(self._marks, following, strict=False) if each == kind]
        place = int(self._generator.integers(len(lengths)))
        return place, float(self._generator.uniform(0, lengths[place]))


@pytest.mark.slow
def test_fifty_runs_killed_at_random_moments_end_with_the_same_model(
    fork_server: ForkServer, squares: Project, alone: Project
) -> None:
    seed = int(time.time())
    print(f"seed {seed}")  # noqa: T201  # shown if it fails
    undisturbed = fork_server.kedro(alone, *RUN).finish()
    expected = weights_of(alone)
    killer = _Killer(fork_server, squares, undisturbed, seed)
    number = 0
    while killer.hit.total() < 54 or min(killer.hit[kind] for kind in KINDS) == 0:
        killer.kill(KINDS[number % len(KINDS)])
        number += 1
        assert number < 120
        if number % 4 == 0:
            fork_server.kedro(squares, *(RUN if number % 8 == 0 else RESUME)).finish()
            assert_as_if_alone(squares, expected, kills=killer.hit.total())
    fork_server.kedro(squares, *RESUME).finish()
    assert_as_if_alone(squares, expected, kills=killer.hit.total())
    print(killer.hit)  # noqa: T201
