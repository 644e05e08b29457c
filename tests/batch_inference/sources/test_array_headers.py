import gzip
import io
import struct

import numpy as np
import pytest

from mnist_resnet.batch_inference.sources.array_headers import inspect_array
from mnist_resnet.batch_inference.sources.inspection import Fault, WithoutImagesError
from mnist_resnet.data.idx import encode
from tests.batch_inference.sources.made_sources import npy

SIZE = (8, 6)


def fault_of(content: bytes) -> Fault:
    with pytest.raises(Fault) as refused:
        inspect_array(content, len(content), SIZE)
    assert "\n" not in refused.value.reason
    return refused.value


def test_a_header_that_lies_about_a_small_stream_costs_nothing():
    lying = struct.pack(">BBBB3I", 0, 0, 8, 3, 2**32 - 1, *SIZE)
    found = inspect_array(gzip.compress(lying), len(gzip.compress(lying)), SIZE)
    assert found.declared == 2**32 - 1
    assert found.readable < 1000
    assert "but the file ends within image" in found.fault


@pytest.mark.parametrize(
    ("shape", "reason", "declared"),
    [
        ((5, 8, 6, 3), "images of 8×6×3 have colours", 5),
        ((5, 3, 8, 6), "images of 3×8×6 have colours", 5),
        ((5, 6, 8), "images of 6×8, but the model takes 8×6", 5),
        ((5, 48), "an array of shape (5, 48); images have (images, 8, 6)", None),
        ((), "an array of shape (); images have (images, 8, 6)", None),
        ((2, 2, 2, 2, 2), "images of 2×2×2×2, but the model takes 8×6", 2),
    ],
)
def test_another_shape_is_refused(shape, reason, declared):
    fault = fault_of(npy(np.zeros(shape, np.uint8)))
    assert fault.reason.startswith(reason)
    assert fault.declared == declared


def test_labels_are_no_images():
    for content in (encode(np.zeros(5, np.uint8)), npy(np.zeros(5)), gzip.compress(npy(np.zeros(5)))):
        assert isinstance(fault_of(content), WithoutImagesError)


def pickled() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.full((2, *SIZE), None), allow_pickle=True)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (pickled(), "Python objects, which are never loaded"),
        (npy(np.zeros((2, *SIZE), complex)), "values of type complex128"),
        (npy(np.zeros((2, *SIZE), bool)), "values of type bool"),
        (npy(np.zeros((2, *SIZE), "U1")), "values of type <U1"),
        (npy(np.zeros((2, *SIZE), [("a", "u1")])), "values of type [('a', 'u1')]"),
        (b"\x93NUMPY\x09\x00", "NumPy's format in a version"),
        (b"\x93NUMPY\x01\x00\x10\x00{", "a damaged NumPy header"),
        (b"\x93NUMPY", "a damaged NumPy header"),
        (npy(np.zeros((2, *SIZE))).replace(b"(2, 8, 6)", b"(-2,8, 6)"), "an impossible shape, (-2, 8, 6)"),
        (npy(np.zeros((2, *SIZE))).replace(b"(2, 8, 6), }", b"(9**9**9,), }"), "a damaged NumPy header"),
        (b"seven", "neither an IDX nor a NumPy file"),
        (b"\0\0\x08\x03\0", "neither an IDX nor a NumPy file"),
        (b"\x1f\x8b", "the gzip stream is cut short"),
        (gzip.compress(b"", mtime=0), "an empty gzip stream"),
    ],
)
def test_what_holds_no_numbers_is_refused(content, reason):
    assert fault_of(content).reason.startswith(reason)


def test_an_empty_array_has_no_images_and_no_fault():
    for content in (npy(np.zeros((0, *SIZE), "u1")), encode(np.zeros((0, *SIZE), "u1"))):
        assert inspect_array(content, len(content), SIZE)[1:] == (0, 0, "")
