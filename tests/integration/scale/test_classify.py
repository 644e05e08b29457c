"""Any number of images, classified by a pool of workers: each once, whoever is killed."""

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet
import pytest

from mnist_resnet.batch_inference.job import JOB_FILE
from mnist_resnet.batch_inference.ray_pool import ClassifyError, make_parts
from mnist_resnet.batch_inference.sources.chunks import ChunkImages
from mnist_resnet.batch_inference.sources.planning import plan_chunks
from mnist_resnet.batch_inference.worker import MODEL_FILE, Worker, WorkerSettings
from mnist_resnet.evaluation.classifier import open_classifier
from tests.batch_inference.test_answer_files import JOB
from tests.integration.conftest import KEDRO, PROJECT, clean_environment
from tests.made_model import halves_model

pytestmark = [pytest.mark.integration, pytest.mark.scale]
IMAGES, PART = 4000, 250


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "images.npy"
    np.save(path, np.random.default_rng(0).integers(0, 256, (IMAGES, 8, 8), dtype=np.uint8))
    (tmp_path / "model.onnx").write_bytes(halves_model())
    return path


class DiesOnce(Worker):
    """Dies in the middle of its work, the first time."""

    def classify(self, images: ChunkImages) -> npt.NDArray[np.float32]:
        mark = self._order.folder / "died"
        if images.row_ids[0] == 5 * PART and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().classify(images)


class DiesAtOne(Worker):
    """Dies whenever it has begun a certain part."""

    def classify(self, images: ChunkImages) -> npt.NDArray[np.float32]:
        if images.row_ids[0] == 3 * PART:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().classify(images)


def order_in(folder: Path) -> WorkerSettings:
    folder.mkdir()
    return WorkerSettings(folder, JOB, threads=1, batch_size=64)


def make(source: Path, folder: Path, worker: type[Worker]) -> list[int]:
    plan, made = plan_chunks([str(source)], (8, 8), PART), list[int]()
    make_parts(plan, halves_model(), order_in(folder), 2, None, lambda number, rows: made.append(rows), worker)
    return made


def assert_each_once_as_the_plain_session(source: Path, folder: Path) -> None:
    parts = sorted((folder / "answers").glob("part-*.parquet"))
    tables = [pyarrow.parquet.read_table(part) for part in parts]
    assert [row for table in tables for row in table["row_id"].to_pylist()] == list(range(IMAGES))
    classes = [each for table in tables for each in table["class"].to_pylist()]
    plain = open_classifier(halves_model(), "model").session.probabilities(np.load(source), 64)
    assert classes == plain.argmax(axis=1).tolist()


@pytest.mark.usefixtures("ray_cluster")
def test_a_worker_that_is_killed_costs_no_image(source: Path, tmp_path: Path) -> None:
    assert sum(make(source, tmp_path / "answers", DiesOnce)) == IMAGES
    assert (tmp_path / "answers" / "died").exists()
    assert not (tmp_path / "answers" / MODEL_FILE).exists()
    assert_each_once_as_the_plain_session(source, tmp_path / "answers")


@pytest.mark.slow
@pytest.mark.usefixtures("ray_cluster")
def test_a_chunk_that_kills_its_workers_is_named(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ClassifyError, match="part 3 has ended its worker 3 times"):
        make(source, tmp_path / "answers", DiesAtOne)


def command(source: Path, *options: str) -> Sequence[str | Path]:
    model, answers = source.with_name("model.onnx"), source.with_name("answers")
    words = ["classify", source, "--output", answers, "--model", model, "--rows-per-part", str(PART)]
    return [KEDRO, *words, "--workers", "2", *options]


@pytest.mark.slow
def test_a_killed_command_goes_on_where_it_was(source: Path, tmp_path: Path, ray_cluster: Any) -> None:
    address = ray_cluster.get_runtime_context().gcs_address
    environment, answers = clean_environment() | {"RAY_ADDRESS": address}, tmp_path / "answers"
    killed = subprocess.Popen(command(source, "--batch-size", "1"), cwd=PROJECT, env=environment)
    for _ in range(2400):
        if list((answers / "answers").glob("part-*.parquet")) or killed.poll() is not None:
            break
        time.sleep(0.05)
    killed.kill()
    killed.wait(30)
    there = {part: part.stat().st_mtime_ns for part in (answers / "answers").glob("part-*.parquet")}
    assert there
    assert (answers / JOB_FILE).exists()
    ended = subprocess.run(command(source), cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert f"{IMAGES:,} images classified" in ended.stdout
    assert {part: part.stat().st_mtime_ns for part in there} == there
    assert_each_once_as_the_plain_session(source, answers)
    again = subprocess.run(
        command(source, "--strict"), cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stderr
    assert f"({IMAGES:,} of them before)" in again.stdout
