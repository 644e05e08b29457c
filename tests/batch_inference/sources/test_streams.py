import gzip
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_resnet.batch_inference.sources.streams import GzipStream, close_stream, opened_once

CONTENT = bytes(range(256)) * 2000


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.binary(max_size=3000), st.lists(st.integers(1, 900), max_size=9), st.integers(0, 3))
def test_any_pieces_of_any_members_make_up_the_whole(content, lengths, zeros):
    half = len(content) // 2
    compressed = gzip.compress(content[:half]) + gzip.compress(content[half:]) + b"\0" * zeros
    stream = GzipStream(io.BytesIO(compressed))
    pieces = [stream.read(length) for length in lengths]
    assert stream.position == len(b"".join(pieces))
    assert b"".join([*pieces, stream.read(4000)]) == content
    assert stream.fault == ""


def test_what_lies_before_the_cut_is_read():
    stream = GzipStream(io.BytesIO(gzip.compress(CONTENT, 0)[: len(CONTENT) // 2]))
    read = stream.read(len(CONTENT))
    assert read == CONTENT[: len(read)]
    assert len(read) > len(CONTENT) // 2 - 100
    assert stream.fault == "the gzip stream is cut short"
    assert stream.read(1) == b""


def test_a_wrong_checksum_is_seen_at_the_end():
    compressed = bytearray(gzip.compress(CONTENT))
    compressed[-8] ^= 1
    stream = GzipStream(io.BytesIO(compressed))
    assert stream.read(len(CONTENT)) == CONTENT
    stream.read(1)
    assert "CRC check failed" in stream.fault


def test_something_else_behind_the_stream_is_seen():
    stream = GzipStream(io.BytesIO(gzip.compress(CONTENT) + b"more"))
    assert stream.read(len(CONTENT) + 1) == CONTENT
    assert "Not a gzipped file" in stream.fault


def test_zeros_expand_no_further_than_asked_for():
    stream = GzipStream(io.BytesIO(gzip.compress(bytes(10_000_000))))
    assert stream.read(10) == bytes(10)
    stream.skip_to(9_999_990)
    assert stream.read(100) == bytes(10)
    assert stream.position == 10_000_000


class Opened:
    def __init__(self):
        self.closed = False

    def close(self):
        self.closed = True


def test_a_stream_stays_open_for_who_reads_on_and_no_longer():
    first = opened_once("a", Opened, lambda _: True)
    assert opened_once("a", Opened, lambda _: True) is first
    again = opened_once("a", Opened, lambda _: False)
    assert (again is first, first.closed) == (False, True)
    other = opened_once("b", Opened, lambda _: True)
    assert (again.closed, other.closed) == (True, False)
    close_stream()
    assert other.closed
    close_stream()


def test_a_file_that_cannot_be_opened_again_leaves_nothing_behind():
    with pytest.raises(OSError, match="gone"):
        opened_once("a", _fail, lambda _: True)
    assert isinstance(opened_once("a", Opened, lambda _: True), Opened)


def _fail():
    raise OSError("gone")
