"""Whole sources, whatever their form: each image once, as it is."""

import http.server
import subprocess
import sys
import threading
import zipfile
from functools import partial

import fsspec
import numpy as np
import pyarrow as pa
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_resnet.batch_inference.sources.chunks import SourceError, SourcePlan
from mnist_resnet.batch_inference.sources.planning import plan_chunks
from mnist_resnet.batch_inference.sources.reading import read_chunk
from mnist_resnet.prediction.fitting import fit_digit
from tests.batch_inference.sources.made_sources import (
    FORMS,
    made_images,
    npy,
    parquet,
    parquet_of_pictures,
    png,
    write_pictures,
)
from tests.conftest import PROJECT, memory_below

SIZE = (8, 6)


def read_all(plan: SourcePlan, size=SIZE, **options):
    """Row ids, images, paths, rows and refusals of all chunks."""
    chunks = [read_chunk(chunk, size, **options) for chunk in plan.chunks]
    return (
        np.concatenate([chunk.row_ids for chunk in chunks]),
        np.concatenate([chunk.images for chunk in chunks]),
        [path for chunk in chunks for path in chunk.paths],
        np.concatenate([chunk.rows for chunk in chunks]),
        [*plan.refusals, *(refusal for chunk in chunks for refusal in chunk.refusals)],
    )


@pytest.mark.parametrize("rows", [1, 5, 1000])
@pytest.mark.parametrize("form", FORMS)
def test_each_form_gives_each_image_as_it_is(tmp_path, form, rows):
    images = made_images(20, size=SIZE)
    path = tmp_path / f"images.{form}"
    path.write_bytes(FORMS[form](images))
    plan = plan_chunks([str(path)], SIZE, rows)
    ids, read, paths, places, refusals = read_all(plan)
    assert (plan.rows, refusals) == (20, [])
    np.testing.assert_array_equal(ids, np.arange(20))
    np.testing.assert_array_equal(places, np.arange(20))
    np.testing.assert_array_equal(read, images)
    assert set(paths) == {str(path)}


def test_a_folder_of_pictures(tmp_path):
    images = made_images(12, size=SIZE)
    write_pictures(tmp_path, images)
    ids, read, paths, _, _ = read_all(plan_chunks([str(tmp_path)], SIZE, 5))
    np.testing.assert_array_equal(read, images)
    assert paths == sorted(map(str, tmp_path.rglob("*.png")))
    np.testing.assert_array_equal(ids, np.arange(12))


def test_inverting(tmp_path):
    (tmp_path / "a.npy").write_bytes(FORMS["npy"](images := made_images(4, size=SIZE)))
    np.testing.assert_array_equal(read_all(plan_chunks([str(tmp_path)], SIZE, 3), invert=True)[1], 255 - images)


def test_pictures_are_fitted_as_digits_wherever_they_lie_and_arrays_are_left_alone(tmp_path):
    large = np.zeros((40, 40), np.uint8)
    large[4:16, 20:26] = 200
    (tmp_path / "a.png").write_bytes(png(large))
    (tmp_path / "b.parquet").write_bytes(parquet_of_pictures([large, np.zeros((9, 9), np.uint8)]))
    (tmp_path / "c.npy").write_bytes(npy(IMAGES))
    _, read, _, _, (refusal,) = read_all(plan_chunks([str(tmp_path)], SIZE, 100), fit="digit")
    np.testing.assert_array_equal(read[:2], [fit_digit(large, SIZE)] * 2)
    np.testing.assert_array_equal(read[2:], IMAGES)
    assert (refusal.row_id, refusal.reason) == (2, "one grey throughout; there is no digit to be seen")


IMAGES = made_images(9, size=SIZE)
CONTENTS = {form: make(IMAGES) for form, make in FORMS.items()}
CONTENTS |= {"png": png(IMAGES[0]), "csv": b"label", "dat": b"seven", "colour.npy": npy(np.zeros((9, *SIZE, 3)))}
ROWS = dict.fromkeys(FORMS, 9) | {"png": 1, "csv": 0, "dat": 0, "colour.npy": 9}


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(sorted(CONTENTS)), min_size=1, max_size=6), st.integers(1, 12))
def test_any_cut_of_any_mixture_gives_each_row_exactly_once(forms, rows):
    files = fsspec.filesystem("memory")
    files.store.clear()
    files.pipe("/mixed/~.png", png(IMAGES[0]))
    for number, form in enumerate(forms):
        files.pipe(f"/mixed/{number}.{form}", CONTENTS[form])
    plan = plan_chunks(["memory://mixed"], SIZE, rows)
    ids, read, paths, places, refusals = read_all(plan)
    refused = [range(each.row_id, each.row_id + each.rows) for each in refusals if each.row_id is not None]
    assert plan.rows == 1 + sum(ROWS[form] for form in forms)
    assert sorted([*ids, *(row for rows in refused for row in rows)]) == list(range(plan.rows))
    expected = [IMAGES[place] for place in places]
    np.testing.assert_array_equal(read, expected)
    readable = [f"memory:///mixed/{number}.{form}" for number, form in enumerate(forms) if form in {*FORMS, "png"}]
    assert list(dict.fromkeys(paths)) == [*readable, "memory:///mixed/~.png"]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
def test_damage_loses_only_what_is_damaged(data):
    files = fsspec.filesystem("memory")
    files.store.clear()
    damaged = bytearray(CONTENTS[form := data.draw(st.sampled_from(sorted(CONTENTS)))])
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    damaged = damaged[: data.draw(st.integers(1, len(damaged)))]
    for name, content in (
        ("a.npy", CONTENTS["npy"]),
        (f"b.{form}", bytes(damaged)),
        ("c.parquet", CONTENTS["parquet"]),
    ):
        files.pipe(f"/damaged/{name}", content)
    plan = plan_chunks(["memory://damaged"], SIZE, 5)
    # A header may declare billions of images that are not there; a few chunks of these are enough.
    chunks = [read_chunk(chunk, SIZE) for chunk in (*plan.chunks[:8], *plan.chunks[-8:])]
    for name in ("a.npy", "c.parquet"):
        found = {
            row: image
            for chunk in chunks
            for image, path, row in zip(chunk.images, chunk.paths, chunk.rows, strict=True)
            if path.endswith(name)
        }
        np.testing.assert_array_equal([found[row] for row in range(len(IMAGES))], IMAGES)


def test_a_source_that_changes_while_it_is_read_ends_the_reading(tmp_path):
    for name in ("a.npy", "b.parquet"):
        (tmp_path / name).write_bytes(FORMS[name[2:]](IMAGES))
    plan = plan_chunks([str(tmp_path)], SIZE, 9)
    for path, chunk in zip(("a.npy", "b.parquet"), plan.chunks, strict=True):
        (tmp_path / path).write_bytes((tmp_path / path).read_bytes() + b"0")
        with pytest.raises(SourceError, match=f"{path} has changed since it was listed; type the command again"):
            read_chunk(chunk, SIZE)
        (tmp_path / path).unlink()
        with pytest.raises(SourceError, match=f"{path} cannot be read any more: No such file or directory"):
            read_chunk(chunk, SIZE)


@pytest.fixture
def server(tmp_path):
    """An address that serves ``tmp_path``, without ranges."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *said):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()


def test_addresses_of_several_kinds(tmp_path, server):
    (tmp_path / "a.npy").write_bytes(npy(IMAGES))
    (tmp_path / "q.parquet").write_bytes(parquet_of_pictures(IMAGES))
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("in/a.npy", npy(IMAGES))
        archive.writestr("in/b.idx.gz", CONTENTS["idx.gz"])
    shown = {
        f"file://{tmp_path}/*.npy": [f"{tmp_path}/a.npy"],
        f"zip://::{tmp_path}/all.zip": [f"zip://in/{name}::{tmp_path}/all.zip" for name in ("a.npy", "b.idx.gz")],
        f"zip://in/*.npy::{tmp_path}/all.zip": [f"zip://in/a.npy::{tmp_path}/all.zip"],
        f"{server}/a.npy?signature=secret": [f"{server}/a.npy?…"],
        f"simplecache::{server}/q.parquet": [f"{server}/q.parquet"],
    }
    for address, files in shown.items():
        _, read, paths, _, refusals = read_all(plan_chunks([address], SIZE, 4))
        np.testing.assert_array_equal(read, np.concatenate([IMAGES] * len(files)))
        assert (sorted(set(paths)), refusals) == (files, [])


def test_nothing_heavy_is_imported_before_a_source_is_opened():
    program = (
        "import sys, mnist_resnet.batch_inference.sources.planning, mnist_resnet.batch_inference.sources.reading\n"
        "heavy = {'fsspec', 'pyarrow', 'pandas', 'scipy', 'ray', 'mlflow', 'kedro', 'tensorflow', 'keras'}\n"
        "print(*sorted(heavy & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == ""


@pytest.mark.parametrize("form", ["npy", "idx", "idx.gz"])
def test_a_large_file_is_read_in_the_memory_of_a_chunk(tmp_path, form):
    images = np.zeros((200_000, *SIZE), np.uint8)  # 9.6 MB
    (tmp_path / f"a.{form}").write_bytes(FORMS[form](images))
    del images
    plan = plan_chunks([str(tmp_path)], SIZE, 1000)
    read_chunk(plan.chunks[0], SIZE)
    with memory_below(3_000_000):  # a chunk of 48 kB, and pieces of a megabyte
        assert sum(len(read_chunk(chunk, SIZE).images) for chunk in plan.chunks) == 200_000


def test_a_large_row_group_is_read_in_the_memory_of_a_chunk(tmp_path):
    images = made_images(20_000, size=SIZE)
    (tmp_path / "a.parquet").write_bytes(
        parquet(pa.array(list(images.reshape(20_000, 48)), pa.list_(pa.uint8())), 20_000)
    )
    plan = plan_chunks([str(tmp_path)], SIZE, 500)
    before = pa.total_allocated_bytes()
    for chunk in plan.chunks:
        np.testing.assert_array_equal(read_chunk(chunk, SIZE).images, images[chunk.first_id : chunk.first_id + 500])
        assert pa.total_allocated_bytes() - before < 4_000_000


class Counted(MemoryFileSystem):
    """A store that counts how often a file is opened."""

    protocol = "counted"
    opened = 0

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.removeprefix("counted://"))

    def _open(self, *arguments, **options):
        type(self).opened += 1
        return super()._open(*arguments, **options)


@pytest.mark.parametrize("form", ["idx.gz", "parquet"])
def test_a_file_that_has_to_be_read_from_its_start_is_read_once(form):
    fsspec.register_implementation("counted", Counted, clobber=True)
    fsspec.filesystem("counted").pipe(f"/once/a.{form}", CONTENTS[form])
    plan = plan_chunks([f"counted://once/a.{form}"], SIZE, 2)
    Counted.opened = 0
    np.testing.assert_array_equal(read_all(plan)[1], IMAGES)
    assert (len(plan.chunks), Counted.opened) == (5, 1)
