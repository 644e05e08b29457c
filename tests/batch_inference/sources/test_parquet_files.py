import errno
import io
from types import SimpleNamespace

import fsspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_resnet.batch_inference.sources.chunks import ParquetLayout, Slice
from mnist_resnet.batch_inference.sources.inspection import Fault
from mnist_resnet.batch_inference.sources.parquet_files import inspect_parquet, read_parquet
from mnist_resnet.batch_inference.sources.streams import close_stream
from tests.batch_inference.sources.made_sources import made_images, parquet, parquet_of_pictures

SIZE = (8, 6)
GROUP = 7
IMAGES = made_images(40, size=SIZE)
# Whole images are found again in the file only if they are stored as they are.
PLAIN = {"compression": "none", "use_dictionary": False, "write_page_checksum": True, "write_statistics": False}


def stored(images: np.ndarray, row_group: int, **options) -> bytes:
    column = pa.array([image.tobytes() for image in images], pa.binary(images[0].size))
    return parquet(column, row_group, **PLAIN, **options)


STORED = stored(IMAGES, GROUP)
PICTURES = parquet_of_pictures(IMAGES, GROUP)
FILES = fsspec.filesystem("memory")
bounded = settings(max_examples=60, deadline=None, derandomize=True)


@pytest.fixture(autouse=True)
def closed():
    yield
    close_stream()


def read(content: bytes, first: int, rows: int, mark: str = ""):
    FILES.pipe("/parquet", content)
    return read_parquet(FILES, Slice("/parquet", first, rows, ParquetLayout("image", _groups(content)), mark), SIZE)


def _groups(content: bytes) -> tuple[int, ...]:
    return inspect_parquet(io.BytesIO(content), SIZE, None).layout.row_groups


def test_the_footer_says_how_many_images_there_are():
    found = inspect_parquet(io.BytesIO(PICTURES), SIZE, None)
    assert found.layout == ParquetLayout("image", (7, 7, 7, 7, 7, 5))
    assert found[1:] == (40, 40, "")


@bounded
@given(st.lists(st.tuples(st.integers(0, 39), st.integers(1, 40)), min_size=1, max_size=5))
def test_any_rows_in_any_order_are_read(parts):
    for first, most in parts:
        rows = min(most, 40 - first)
        extract = read(PICTURES, first, rows)
        np.testing.assert_array_equal(extract.images, IMAGES[first : first + rows])
        np.testing.assert_array_equal(extract.rows, np.arange(first, first + rows))
    close_stream()


@bounded
@given(st.integers(0, 39), st.integers(1, 12))
def test_damage_loses_only_the_rows_of_its_row_group(damaged, rows):
    content = bytearray(STORED)
    content[content.index(IMAGES[damaged].tobytes())] ^= 1
    group = range(damaged // GROUP * GROUP, min(40, damaged // GROUP * GROUP + GROUP))
    for first in range(0, 40, rows):
        wanted = range(first, min(40, first + rows))
        extract = read(bytes(content), first, len(wanted), "damaged")
        kept = [row for row in wanted if row not in group]
        np.testing.assert_array_equal(extract.rows, kept)
        np.testing.assert_array_equal(extract.images, IMAGES[kept].reshape(-1, *SIZE))
        refused = [row for each in extract.refused for row in range(each.row, each.row + each.rows)]
        assert refused == [row for row in wanted if row in group]
        assert all("a damaged row group: " in each.reason and "CRC" in each.reason for each in extract.refused)
    close_stream()


@pytest.mark.parametrize("rows", [1, 40, 400])
def test_of_a_damaged_row_group_the_pages_before_the_damage_are_read(rows):
    images = made_images(400, size=SIZE)
    content = bytearray(stored(images, 400, write_batch_size=10, data_page_size=480))
    content[content.index(images[300].tobytes())] ^= 1
    extracts = [read(bytes(content), first, rows, "pages") for first in range(0, 400, rows)]
    read_rows = np.concatenate([extract.rows for extract in extracts])
    np.testing.assert_array_equal(read_rows, np.arange(len(read_rows)))
    assert 270 < len(read_rows) <= 300
    assert sum(refused.rows for extract in extracts for refused in extract.refused) == 400 - len(read_rows)


@bounded
@given(st.binary(max_size=40), st.data())
def test_what_is_no_whole_file_is_refused(start, data):
    for content in (start, PICTURES[: data.draw(st.integers(0, len(PICTURES) - 1))], b"PAR1" + start + b"PAR1"):
        with pytest.raises(Fault, match=r"^not a whole Parquet file: "):
            inspect_parquet(io.BytesIO(content), SIZE, None)


class Cut(io.BytesIO):
    """A file whose network goes away after some reads."""

    def __init__(self, content: bytes, error: OSError, reads: int):
        super().__init__(content)
        self.error, self.reads = error, reads

    def read(self, size=-1):
        self.reads -= 1
        if self.reads < 0:
            raise self.error
        return super().read(size)


CUTS = [
    TimeoutError(),
    TimeoutError("no answer"),
    ConnectionResetError(errno.ECONNRESET, ""),
    OSError(errno.ESTALE, ""),
]


@pytest.mark.parametrize("error", CUTS)
def test_a_file_is_not_refused_because_the_network_is_down(error):
    with pytest.raises(type(error)) as raised:
        inspect_parquet(Cut(PICTURES, error, reads=0), SIZE, None)
    assert raised.value is error


@pytest.mark.parametrize("error", CUTS)
def test_rows_are_not_refused_because_the_network_is_down(error):
    part = Slice("/parquet", 10, 20, ParquetLayout("image", _groups(PICTURES)), "cut")
    for reads in range(4):
        store = SimpleNamespace(open=lambda *_, reads=reads: Cut(PICTURES, error, reads))
        with pytest.raises(type(error)) as raised:
            read_parquet(store, part, SIZE)
        assert raised.value is error
    FILES.pipe("/parquet", PICTURES)
    close_stream()
    np.testing.assert_array_equal(read_parquet(FILES, part, SIZE).images, IMAGES[10:30])


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.data())
def test_any_damage_is_refused_or_read_and_no_row_told_twice(data):
    content = bytearray(data.draw(st.sampled_from([PICTURES, STORED])))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = inspect_parquet(io.BytesIO(bytes(content)), SIZE, None)
    except Fault:
        return
    extract = read(bytes(content), 0, min(found.readable, 50))
    told = [*extract.rows, *(row for each in extract.refused for row in range(each.row, each.row + each.rows))]
    assert sorted(told) == list(range(min(found.readable, 50)))
    close_stream()
