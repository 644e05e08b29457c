import gzip

import fsspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_resnet.batch_inference.sources.array_files import read_array
from mnist_resnet.batch_inference.sources.array_headers import inspect_array
from mnist_resnet.batch_inference.sources.chunks import Slice
from mnist_resnet.batch_inference.sources.inspection import Fault
from mnist_resnet.batch_inference.sources.streams import close_stream
from mnist_resnet.data.idx import encode
from tests.batch_inference.sources.made_sources import FORMS, made_images, npy

SIZE = (8, 6)
IMAGE_BYTES = 48
FILES = fsspec.filesystem("memory")
bounded = settings(max_examples=60, deadline=None, derandomize=True)


@pytest.fixture(autouse=True)
def closed():
    yield
    close_stream()


def read(content: bytes, first: int = 0, rows: int | None = None):
    found = inspect_array(content, len(content), SIZE)
    FILES.pipe("/array", content)
    rows = found.readable - first if rows is None else rows
    return found, read_array(FILES, Slice("/array", first, rows, found.layout, str(hash(content))), SIZE)


@pytest.mark.parametrize("form", ["npy", "idx"])
@bounded
@given(lost=st.integers(0, 20 * IMAGE_BYTES))
def test_of_a_truncated_file_all_whole_images_are_read(form, lost):
    images = made_images(20, size=SIZE)
    whole = FORMS[form](images)
    found, extract = read(whole[: len(whole) - lost])
    kept = 20 - -(-lost // IMAGE_BYTES)
    assert (found.declared, found.readable) == (20, kept)
    assert found.fault == (
        f"the header declares 20 images, but the file ends within image {kept} (counted from 0)" if lost else ""
    )
    np.testing.assert_array_equal(extract.images, images[:kept])


@bounded
@given(lost=st.integers(1, 900), first=st.integers(0, 19), rows=st.integers(1, 20))
def test_of_a_truncated_gzip_stream_all_whole_images_are_read(lost, first, rows):
    images, rows = made_images(20, size=SIZE), min(rows, 20 - first)
    whole = gzip.compress(encode(images), 0)  # stored, so that a byte of the file is a byte of an image
    found, extract = read(whole[: len(whole) - lost], first, rows)
    kept = 20 - -(-max(0, lost - 8) // IMAGE_BYTES)
    assert (found.declared, found.readable) == (20, 20)
    np.testing.assert_array_equal(extract.images, images[first : max(first, min(kept, first + rows))])
    np.testing.assert_array_equal(extract.rows, np.arange(first, max(first, min(kept, first + rows))))
    told = [refused for refused in extract.refused if refused.rows]
    if kept < first + rows:
        (refused,) = told
        assert (refused.row, refused.rows) == (max(first, kept), first + rows - max(first, kept))
        assert refused.reason == "the gzip stream is cut short"
    else:
        assert told == []


def test_a_wrong_checksum_is_told_and_no_image_lost():
    content = bytearray(gzip.compress(encode(images := made_images(20, size=SIZE))))
    content[-6] ^= 1
    _, extract = read(bytes(content))
    np.testing.assert_array_equal(extract.images, images)
    (told,) = extract.refused
    assert (told.row, told.rows) == (None, 0)
    assert told.reason.endswith("which of its images are damaged cannot be told")


@pytest.mark.parametrize("compressed", [False, True])
def test_a_file_longer_than_its_header_says_is_told(compressed):
    content = encode(images := made_images(3, size=SIZE)) + b"more"
    found, extract = read(gzip.compress(content) if compressed else content)
    np.testing.assert_array_equal(extract.images, images)
    said = extract.refused[0].reason if compressed else found.fault
    assert "longer than its header declares" in said


def test_a_stream_is_read_on_and_from_its_start_again():
    content = gzip.compress(encode(images := made_images(20, size=SIZE)))
    for first in (0, 5, 10, 2, 19, 0):
        np.testing.assert_array_equal(read(content, first, 1)[1].images, images[first : first + 1])


@pytest.mark.parametrize("dtype", ["i1", "<u2", ">i4", "<i8", "f2", "<f8", "u8"])
def test_whole_numbers_of_any_type_are_pixels(dtype):
    images = made_images(4, size=SIZE) // 2
    np.testing.assert_array_equal(read(npy(images.astype(dtype)))[1].images, images)


@pytest.mark.parametrize("value", [256, -1, 0.5, np.nan, np.inf])
def test_an_image_with_a_value_that_is_no_pixel_is_refused_alone(value):
    values = made_images(5, size=SIZE).astype("f4")
    values[3, 2, 1] = value
    _, extract = read(npy(values), 1, 4)
    np.testing.assert_array_equal(extract.rows, [1, 2, 4])
    np.testing.assert_array_equal(extract.images, values[[1, 2, 4]])
    assert extract.refused == ((3, 1, f"a pixel is {value:g}, not a whole number of 0 to 255"),)


@pytest.mark.parametrize("shape", [(8, 6), (8, 6, 1), (1, 8, 6), (1, 8, 6, 1), (1, 1, 8, 6)])
def test_a_single_image_may_lack_its_axis(shape):
    found, extract = read(npy((image := made_images(1, size=SIZE)).reshape(shape)))
    assert found.declared == 1
    np.testing.assert_array_equal(extract.images, image)


@bounded
@given(st.data())
def test_any_damage_is_refused_or_read_and_never_more(data):
    content = bytearray(FORMS[data.draw(st.sampled_from(["npy", "idx", "npy.gz", "idx.gz", "fortran.npy"]))](IMAGES))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, min(len(content), 160) - 1))] = data.draw(st.integers(0, 255))
    try:
        found, extract = read(bytes(content)[: data.draw(st.integers(1, len(content)))])
    except Fault:
        return
    assert found.readable <= found.declared
    assert len(extract.images) + sum(refused.rows for refused in extract.refused) == found.readable


IMAGES = made_images(6, size=SIZE)
