import os
import pickle
import shutil
from dataclasses import asdict, replace

import fsspec
import numpy as np
import pyarrow as pa
import pytest

from mnist_resnet.batch_inference.sources.chunks import Refusal, SourceError
from mnist_resnet.batch_inference.sources.planning import plan_chunks
from tests.batch_inference.sources.made_sources import FORMS, made_images, npy, parquet, parquet_of_pictures, png

SIZE = (8, 6)
IMAGES = made_images(10, size=SIZE)


@pytest.fixture
def folder(tmp_path):
    """A folder of everything."""
    files = {
        "a.npy": npy(IMAGES),
        "b.npy": npy(IMAGES)[:-50],
        "c.npy": npy(made_images(3, size=(4, 4))),
        "d.npz": b"PK",
        "e.parquet": parquet_of_pictures(IMAGES),
        "f.png": png(IMAGES[0]),
        "g": FORMS["idx.gz"](IMAGES),
        "h": png(IMAGES[0]),
        "labels.csv": b"0",
        "labels.npy": npy(np.zeros(10)),
        ".DS_Store": b"0",
        "z.npy": b"",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_a_mixed_folder_is_planned_file_by_file(folder):
    plan = plan_chunks([str(folder)], SIZE, 8)
    kinds = "neither a picture (PNG, JPEG, WEBP, GIF, BMP) nor an IDX, NumPy or Parquet file"
    cut = "the header declares 10 images, but the file ends within image 8 (counted from 0)"
    assert plan.refusals == (
        Refusal(18, str(folder / "b.npy"), 8, cut, 2),
        Refusal(20, str(folder / "c.npy"), None, "images of 4×4, but the model takes 8×6; bring them to that size", 3),
        Refusal(None, str(folder / "d.npz"), None, f"{kinds}; store its arrays as .npy files", 0),
        Refusal(None, str(folder / "z.npy"), None, "an empty file", 0),
    )
    assert plan.passed_over == tuple(str(folder / name) for name in (".DS_Store", "labels.csv", "labels.npy"))
    assert plan.rows == 10 + 10 + 3 + 10 + 1 + 10 + 1
    planned = [(chunk.first_id, chunk.rows) for chunk in plan.chunks]
    assert planned == [(0, 8), (8, 8), (16, 2), (23, 8), (31, 8), (39, 6)]


def test_the_plan_is_the_same_each_time_and_changes_with_the_source(folder):
    def digest(size=SIZE, rows=8, column=None):
        return plan_chunks([str(folder)], size, rows, column).digest

    plan = plan_chunks([str(folder)], SIZE, 8)
    assert asdict(plan) == asdict(plan_chunks([f"{folder}/"], SIZE, 8))
    assert len({digest(), digest(rows=9), digest(column="image"), digest(size=(8, 7))}) == 4
    before = digest()
    os.utime(folder / "f.png", ns=(0, 0))
    touched = digest()
    (folder / "f.png").rename(folder / "f2.png")
    renamed = digest()
    (folder / "f2.png").unlink()
    assert len({before, touched, renamed, digest()}) == 4


def test_the_digest_does_not_depend_on_where_the_folder_lies(folder, tmp_path_factory):
    moved = tmp_path_factory.mktemp("elsewhere") / "folder"
    shutil.copytree(folder, moved)  # which keeps dates
    assert plan_chunks([str(moved)], SIZE, 8).digest == plan_chunks([str(folder)], SIZE, 8).digest


def test_chunks_travel(folder):
    plan = plan_chunks([str(folder)], SIZE, 8)
    assert pickle.loads(pickle.dumps(plan.chunks)) == plan.chunks  # noqa: S301 - our own
    assert "secret" not in repr(replace(plan.chunks[0], address="ftp://user:secret@host"))


def test_several_sources_are_one_and_none_is_read_twice(folder):
    sources = [str(folder / name) for name in ("f.png", "a.npy", "f.png", "h")]
    (chunk,) = plan_chunks([*sources, f"{folder}/*.png"], SIZE, 100).chunks
    assert [os.path.basename(part.path) for part in chunk.slices] == ["f.png", "a.npy", "h"]  # noqa: PTH119


def test_an_address_is_planned_beside_the_files_of_this_machine(folder):
    fsspec.filesystem("memory").pipe("/planning/a.npy", npy(IMAGES))
    plan = plan_chunks(["memory://planning", str(folder / "a.npy")], SIZE, 100)
    assert [(chunk.address, chunk.first_id) for chunk in plan.chunks] == [("", 0), ("memory://planning", 10)]
    fsspec.filesystem("memory").rm("/planning", recursive=True)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("labels.npy", npy(np.zeros(3)), "one dimension, as labels have; images have three"),
        ("README", b"text", "neither a picture"),
        ("a.npz", b"PK", "store its arrays as .npy files"),
        ("a.png.gz", FORMS["idx.gz"](IMAGES)[:2], "the gzip stream is cut short"),
        ("a.parquet", b"PAR1", "not a whole Parquet file"),
        ("empty", b"", "an empty file"),
    ],
)
def test_a_named_file_without_images_is_told_with_the_reason(tmp_path, name, content, reason):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match="of which no image can be read") as refused:
        plan_chunks([str(tmp_path / name)], SIZE, 8)
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_folder_without_images_is_told(tmp_path):
    with pytest.raises(SourceError, match=r"where there are no images$"):
        plan_chunks([str(tmp_path)], SIZE, 8)
    (tmp_path / "README.md").write_bytes(b"")
    with pytest.raises(SourceError, match=r"no images; number of other files: 1$"):
        plan_chunks([str(tmp_path)], SIZE, 8)


def test_a_hidden_file_is_read_if_it_is_named(tmp_path):
    (tmp_path / ".a.png").write_bytes(png(IMAGES[0]))
    assert plan_chunks([str(tmp_path / ".a.png")], SIZE, 8).rows == 1


def test_a_path_that_is_no_text_is_shown_as_text(tmp_path):
    with open(os.fsencode(tmp_path) + b"/\xff.npz", "wb"):  # noqa: PTH123
        pass
    (tmp_path / "a.png").write_bytes(b"")
    (refusal,) = plan_chunks([str(tmp_path)], SIZE, 8).refusals
    assert refusal.path == f"{tmp_path}/\\udcff.npz"


def test_a_picture_that_no_picture_can_be_as_large_as_is_refused_unread(tmp_path):
    with (tmp_path / "a.png").open("wb") as file:
        file.truncate(1 << 31)
    (tmp_path / "b.png").write_bytes(b"")
    plan = plan_chunks([str(tmp_path)], SIZE, 8)
    assert plan.refusals == (Refusal(0, str(tmp_path / "a.png"), None, "larger than 512 MiB; shrink or crop it", 1),)


def test_a_reason_is_one_line_whatever_a_file_brings_along(tmp_path):
    column = pa.array([1], pa.int64())
    (tmp_path / "a.parquet").write_bytes(parquet(column, name="\x1b[2Jred\nline"))
    (tmp_path / "b.parquet").write_bytes(parquet(column, name="x" * 1000))
    (tmp_path / "c.png").write_bytes(b"")
    first, second = plan_chunks([str(tmp_path)], SIZE, 8).refusals
    assert first.reason == "no column holds pictures, or pixels of 8×6; the columns are: label, [2Jred line"
    assert second.reason.endswith("xxx …")
    assert len(second.reason) < 500


def test_a_picture_known_by_its_content_may_be_no_larger_than_one_known_by_its_name(tmp_path):
    with (tmp_path / "scan0001").open("wb") as file:
        file.write(png(IMAGES[0]))
        file.truncate(1 << 31)
    (tmp_path / "b.png").write_bytes(b"")
    plan = plan_chunks([str(tmp_path)], SIZE, 8)
    reason = "larger than 512 MiB; shrink or crop it"
    assert plan.refusals == (Refusal(1, str(tmp_path / "scan0001"), None, reason, 1),)
