"""``kedro classify`` of 1,000,000 images, with a worker and then the command itself killed in the middle."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from mnist_resnet.batch_inference.answer_files import PARTS_FOLDER
from mnist_resnet.computing.cluster import ADDRESS_VARIABLE
from mnist_resnet.evaluation.classifier import open_classifier
from tests.conftest import PROJECT
from tests.integration.conftest import KEDRO, Project, clean_environment, make_project
from tests.made_model import digits_model

pytestmark = [
    pytest.mark.integration,
    pytest.mark.scale,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="Linux tells which processes there are and what they hold"),
]

FEW, MANY, SIZE, WORKERS, ROWS_PER_PART, BATCH_SIZE = 100_000, 1_000_000, (28, 28), 2, 10_000, 256
MORE_IMAGES_IN_MIB = (MANY - FEW) * SIZE[0] * SIZE[1] / 2**20
MINUTES = 15


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The benchmarks' look at what a command starts and holds."""
    monkeypatch.syspath_prepend(PROJECT / "benchmarks")
    import command_processes

    return command_processes


@pytest.fixture
def write_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Write so many made images as one NumPy file, which is removed at the end: it has some 750 MiB."""
    monkeypatch.syspath_prepend(PROJECT / "benchmarks")
    import made_source

    def write(images: int) -> Path:
        folder: Path = made_source.write_source(tmp_path / f"{images}-images", "npy", images, SIZE)
        return folder / "images.npy"

    yield write
    for folder in tmp_path.glob("*-images"):
        shutil.rmtree(folder)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "digits.onnx").write_bytes(digits_model())
    return make_project(tmp_path / "project")


def words(source: Path, output: Path) -> list[str | Path]:
    """The command, as it is typed."""
    model = source.parents[1] / "digits.onnx"
    sizes = ["--rows-per-part", str(ROWS_PER_PART), "--batch-size", str(BATCH_SIZE)]
    return [KEDRO, "classify", source, "--output", output, "--model", model, "--workers", str(WORKERS), *sizes]


def environment() -> dict[str, str]:
    return {name: value for name, value in clean_environment().items() if name != ADDRESS_VARIABLE}


def finish(command: "subprocess.Popen[str]") -> None:
    said, _ = command.communicate(timeout=60 * MINUTES)
    assert command.returncode == 0, said


def wait_for_parts(command: "subprocess.Popen[str]", output: Path, count: int) -> None:
    until = time.monotonic() + 60 * MINUTES
    while len(marks(output)) < count:
        assert command.poll() is None, command.communicate()
        assert time.monotonic() < until, f"{len(marks(output))} parts in {MINUTES} minutes"
        time.sleep(0.02)


def parts(output: Path) -> list[Path]:
    return sorted((output / PARTS_FOLDER).glob("part-*.parquet"))


def marks(output: Path) -> dict[str, tuple[int, int]]:
    """Each part that is there, with what changes if it is written again."""
    return {
        path.name: ((state := path.stat()).st_ino, state.st_mtime_ns)
        for path in (output / PARTS_FOLDER).glob("part-*.parquet")
    }


def answers(output: Path) -> pa.Table:
    return pa.concat_tables([parquet.read_table(path) for path in parts(output)])


def plain_classes(source: Path) -> np.ndarray:
    """What the session answers in this process."""
    session = open_classifier(digits_model(), "digits.onnx").session
    images = np.load(source, mmap_mode="r")
    starts = range(0, len(images), ROWS_PER_PART)
    found = [session.probabilities(np.array(images[first : first + ROWS_PER_PART]), BATCH_SIZE) for first in starts]
    return np.concatenate([each.argmax(axis=1) for each in found])


def assert_each_once(output: Path, source: Path) -> None:
    table = answers(output)
    np.testing.assert_array_equal(np.sort(table["row_id"].to_numpy()), np.arange(MANY))
    assert table["row_id"].to_numpy().tolist() == table["row"].to_numpy().tolist()
    expected = plain_classes(source)
    assert len(np.unique(expected)) == 10
    np.testing.assert_array_equal(table["class"].to_numpy()[np.argsort(table["row_id"].to_numpy())], expected)
    summary = json.loads((output / "summary.json").read_text(encoding="utf-8"))
    assert (summary["rows"], summary["classified"], summary["refused"]) == (MANY, MANY, 0)
    assert list(summary["classes"].values()) == np.bincount(expected, minlength=10).tolist()
    assert len(parquet.read_table(output / "refused.parquet")) == 0


def test_of_a_million_images_none_is_lost_or_doubled_when_a_worker_and_the_command_are_killed(
    project: Project, write_source: Callable[[int], Path], processes: Any, tmp_path: Path
) -> None:
    source, output = write_source(MANY), tmp_path / "classified"
    with processes.started(words(source, output), project.folder, environment()) as command:
        wait_for_parts(command, output, 10)
        os.kill(processes.workers_of(command)[0], signal.SIGKILL)
        wait_for_parts(command, output, 40)
        command.kill()
        command.communicate()
        assert processes.wait_for_end_of_workers(command, seconds=60) == []
    finished = marks(output)
    assert 40 <= len(finished) < MANY // ROWS_PER_PART
    with processes.started(words(source, output), project.folder, environment()) as command:
        finish(command)
    assert len(marks(output)) == MANY // ROWS_PER_PART
    assert {name: mark for name, mark in marks(output).items() if name in finished} == finished
    assert_each_once(output, source)
    assert [path.name for path in output.iterdir() if path.name.startswith(".")] == []


def test_a_million_images_take_the_memory_of_a_tenth_of_them(
    project: Project, write_source: Callable[[int], Path], processes: Any, tmp_path: Path
) -> None:
    peaks = []
    for images in (FEW, MANY):
        source, output = write_source(images), tmp_path / f"{images}-classified"
        with (
            processes.started(words(source, output), project.folder, environment()) as command,
            processes.watched(command) as peak,
        ):
            finish(command)
        peaks.append(peak)
        assert len(marks(output)) == images // ROWS_PER_PART
    few, many = peaks
    # Allocators keep some MiB more the longer they run: a tenth of what the images would take leaves room for it.
    assert many.largest_worker - few.largest_worker < MORE_IMAGES_IN_MIB / 10, peaks
    assert many.together - few.together < MORE_IMAGES_IN_MIB / 4, peaks
