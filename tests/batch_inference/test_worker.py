"""One worker, called as Ray Data calls it."""

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet
import pytest

from mnist_resnet.batch_inference.answer_files import part_path
from mnist_resnet.batch_inference.sources.chunks import ChunkImages
from mnist_resnet.batch_inference.sources.planning import plan_chunks
from mnist_resnet.batch_inference.worker import ATTEMPTS, MODEL_FILE, Worker, WorkerSettings
from mnist_resnet.evaluation.classifier import open_classifier
from tests.batch_inference.test_answer_files import JOB
from tests.made_model import halves_model


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "images.npy"
    np.save(path, np.random.default_rng(0).integers(0, 256, (25, 8, 8), dtype=np.uint8))
    return path


@pytest.fixture
def order(tmp_path: Path) -> WorkerSettings:
    folder = tmp_path / "answers"
    folder.mkdir()
    (folder / MODEL_FILE).write_bytes(halves_model())
    return WorkerSettings(folder, JOB, threads=1, batch_size=4)


def batch_of(source: Path) -> dict[str, Any]:
    chunks = plan_chunks([str(source)], (8, 8), 10).chunks
    return {"number": range(len(chunks)), "chunk": [pickle.dumps(chunk) for chunk in chunks]}


def test_each_chunk_becomes_a_part_with_the_answers_of_the_plain_session(source: Path, order: WorkerSettings) -> None:
    assert Worker(order)(batch_of(source)) == {"number": [0, 1, 2], "rows": [10, 10, 5], "error": ["", "", ""]}
    tables = [pyarrow.parquet.read_table(part_path(order.folder, number)) for number in range(3)]
    assert [row for table in tables for row in table["row_id"].to_pylist()] == list(range(25))
    plain = open_classifier(halves_model(), "model").session.probabilities(np.load(source), 4)
    answers = np.array([row for table in tables for row in table["probabilities"].to_pylist()], np.float32)
    assert np.allclose(answers, plain, atol=1e-6)  # batches of other sizes may round otherwise
    assert list((order.folder / ATTEMPTS).iterdir()) == []


def test_dark_and_bright_can_be_swapped(source: Path, order: WorkerSettings) -> None:
    Worker(replace(order, job=replace(JOB, invert=True)))(batch_of(source))
    swapped = open_classifier(halves_model(), "model").session.probabilities(255 - np.load(source)[:10], 10)
    table = pyarrow.parquet.read_table(part_path(order.folder, 0))
    assert np.allclose(np.array(table["probabilities"].to_pylist(), np.float32), swapped, atol=1e-6)


def test_a_source_that_changes_is_an_error_and_no_part(source: Path, order: WorkerSettings) -> None:
    batch = batch_of(source)
    np.save(source, np.zeros((3, 8, 8), np.uint8))
    made = Worker(order)(batch)
    assert made["rows"] == [0, 0, 0]
    assert "has changed since it was listed" in made["error"][0]
    assert list(order.folder.glob("part-*")) == []


def test_a_chunk_that_has_ended_three_workers_is_named(source: Path, order: WorkerSettings) -> None:
    (order.folder / ATTEMPTS).mkdir()
    for attempt in (1, 2, 3):
        (order.folder / ATTEMPTS / f"1-{attempt}").touch()
    made = Worker(order)(batch_of(source))
    assert made["rows"] == [10, 0, 5]
    assert "part 1 has ended its worker 3 times" in made["error"][1]
    assert str(source) in made["error"][1]


def test_a_model_that_does_not_take_a_batch_is_told_in_one_line(source: Path, order: WorkerSettings) -> None:
    class Broken(Worker):
        def classify(self, images: ChunkImages) -> npt.NDArray[np.float32]:
            raise RuntimeError("Got invalid dimensions\nfor input")

    assert Broken(order)(batch_of(source))["error"][0] == "part 0 cannot be made: Got invalid dimensions for input"
