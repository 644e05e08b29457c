"""Parts of the answers, what they say of themselves, and what was refused."""

import errno
import json
from dataclasses import asdict, replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pyarrow.parquet
import pytest

from mnist_resnet.batch_inference.answer_files import (
    REFUSED_FILE,
    PartCounts,
    finished_parts,
    first_refusals,
    part_path,
    read_counts,
    remove_damaged_parts,
    write_part,
    write_refused,
)
from mnist_resnet.batch_inference.job import Job, JobError
from mnist_resnet.batch_inference.sources.chunks import ChunkImages, Refusal

JOB = Job(
    model="model.onnx",
    model_sha256="ab" * 32,
    class_names=("left", "right", "dark"),
    image_size=(8, 8),
    rows_per_part=10,
    column=None,
    sources=("images.npy",),
    source_digest="cd" * 32,
    rows=4,
    parts=1,
    invert=False,
    fit="whole",
)
REFUSED = Refusal(2, "/images.npy", 2, "damaged")
PROBABILITIES = np.array([[0.8, 0.1, 0.1], [0.1, 0.7, 0.2], [0.5, 0.25, 0.25]], np.float32)


def images(rows: int = 3) -> ChunkImages:
    ids = np.array([0, 1, 3], np.int64)[:rows]
    return ChunkImages(ids, np.zeros((rows, 8, 8), np.uint8), ("/images.npy",) * rows, ids, (REFUSED,))


def test_a_part_has_each_image_with_its_class_and_says_which_model_it_is_of(tmp_path: Path) -> None:
    assert write_part(tmp_path, 7, images(), PROBABILITIES, JOB) == PartCounts(3, (2, 1, 0), 1)
    table = pyarrow.parquet.read_table(part_path(tmp_path, 7))
    assert table.column_names == ["row_id", "path", "row", "class", "name", "probabilities"]
    assert table["row_id"].to_pylist() == [0, 1, 3]
    assert table["name"].to_pylist() == ["left", "right", "left"]
    assert np.array_equal(np.array(table["probabilities"].to_pylist(), np.float32), PROBABILITIES)
    assert table.schema.metadata[b"model_sha256"].decode() == JOB.model_sha256
    assert table.schema.metadata[b"provider"] == b"CPUExecutionProvider"
    assert json.loads(table.schema.metadata[b"class_names"]) == ["left", "right", "dark"]
    assert finished_parts(tmp_path) == {7}
    assert read_counts(tmp_path, 7) == PartCounts(3, (2, 1, 0), 1)


def test_a_part_of_which_nothing_can_be_read_is_a_part(tmp_path: Path) -> None:
    write_part(tmp_path, 0, images(0), np.zeros((0, 3), np.float32), JOB)
    assert read_counts(tmp_path, 0) == PartCounts(0, (0, 0, 0), 1)
    assert pyarrow.parquet.read_table(part_path(tmp_path, 0)).num_rows == 0


def test_a_part_that_cannot_be_read_is_removed_to_be_made_again(tmp_path: Path) -> None:
    for number in (0, 1):
        write_part(tmp_path, number, images(), PROBABILITIES, JOB)
    damaged = part_path(tmp_path, 1)
    damaged.write_bytes(damaged.read_bytes()[:100])
    assert remove_damaged_parts(tmp_path) == [1]
    assert finished_parts(tmp_path) == {0}


@pytest.mark.parametrize("error", [OSError(errno.ESTALE, "Stale file handle"), PermissionError("no"), MemoryError()])
def test_a_part_that_cannot_be_read_for_a_while_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    write_part(tmp_path, 0, images(), PROBABILITIES, JOB)
    monkeypatch.setattr("pyarrow.parquet.read_schema", Mock(side_effect=error))
    with pytest.raises(JobError, match=r"part-000000\.parquet cannot be read at present, so it stays"):
        remove_damaged_parts(tmp_path)
    assert finished_parts(tmp_path) == {0}


@pytest.mark.parametrize("name", [".part-000001.parquet.tmp", "part-.parquet", "part-1x.parquet", "parts"])
def test_other_files_are_no_parts(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert finished_parts(tmp_path) == set()


def test_what_was_refused_is_gathered_from_the_listing_and_the_parts(tmp_path: Path) -> None:
    write_part(tmp_path, 0, images(), PROBABILITIES, JOB)
    listed = Refusal(None, "/notes.npy", None, "no header", 0)
    assert write_refused(tmp_path, 1, [listed]) == 2
    lines = pyarrow.parquet.read_table(tmp_path / REFUSED_FILE).to_pylist()
    assert [(line["row_id"], line["path"], line["row"], line["reason"], line["rows"]) for line in lines] == [
        (None, "/notes.npy", None, "no header", 0),
        (2, "/images.npy", 2, "damaged", 1),
    ]
    assert first_refusals(tmp_path, most=1) == [listed]
    assert first_refusals(tmp_path, most=5) == [listed, REFUSED]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_image_whose_answer_is_not_finite_is_refused_alone(tmp_path: Path, value: float) -> None:
    answers = PROBABILITIES.copy()
    answers[1, 2] = value
    assert write_part(tmp_path, 0, images(), answers, JOB) == PartCounts(2, (2, 0, 0), 2) == read_counts(tmp_path, 0)
    assert pyarrow.parquet.read_table(part_path(tmp_path, 0))["row_id"].to_pylist() == [0, 3]
    write_refused(tmp_path, 1, [])
    refused = Refusal(1, "/images.npy", 1, f"the model's answer is not finite: {value}")
    assert first_refusals(tmp_path, most=2) == [REFUSED, refused]


def test_a_part_of_which_a_million_images_are_refused_can_be_read(tmp_path: Path) -> None:
    refusals = (REFUSED,) * 1_000_000
    none = np.zeros((0, 3), np.float32)
    write_part(tmp_path, 0, replace(images(0), refusals=refusals), none, JOB)
    assert remove_damaged_parts(tmp_path) == []
    assert read_counts(tmp_path, 0).refused == 1_000_000
    assert pyarrow.parquet.read_table(part_path(tmp_path, 0)).num_rows == 0


@pytest.mark.parametrize(
    ("refused", "damaged"), [(json.dumps([asdict(REFUSED)]).encode(), []), (b"[", [0]), (b"what is no base64", [0])]
)
def test_what_an_earlier_version_says_of_refusals_is_read_and_what_is_damaged_made_again(
    tmp_path: Path, refused: bytes, damaged: list[int]
) -> None:
    write_part(tmp_path, 0, images(), PROBABILITIES, JOB)
    path = part_path(tmp_path, 0)
    table = pyarrow.parquet.read_table(path)
    pyarrow.parquet.write_table(table.replace_schema_metadata({**table.schema.metadata, b"refused": refused}), path)
    assert remove_damaged_parts(tmp_path) == damaged
