import gzip
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mnist_resnet.data.idx import IdxError, decompress, encode, parse
from tests.conftest import memory_below

FUZZ_SECONDS = 60
MOST = 2**32 - 1
CODES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}

# No deadline: the machine may be busy. The long form, which draws at random, is fuzz_idx.py.
bounded = settings(max_examples=60, deadline=None, derandomize=True)
labels = arrays(np.uint8, st.tuples(st.integers(0, 50)))
images = arrays(np.uint8, st.tuples(*[st.integers(0, 6)] * 3))
types = st.sampled_from(list(CODES.values()))
any_arrays = types.flatmap(
    lambda kind: st.integers(1, 4).flatmap(
        lambda dimensions: arrays(np.dtype(kind), st.tuples(*[st.integers(0, 3)] * dimensions))
    )
)
headers = st.tuples(st.sampled_from(sorted(CODES)), st.integers(1, 4)).flatmap(
    lambda magic: st.tuples(*[st.sampled_from([0, 1, 2, 3, MOST])] * magic[1]).map(
        lambda shape: struct.pack(f">BBBB{magic[1]}I", 0, 0, *magic, *shape)
    )
)


def header(*shape):
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape)


@bounded
@given(labels | images | any_arrays)
def test_what_is_encoded_is_parsed_the_same(array):
    parsed = parse(encode(array))
    assert parsed.dtype == array.dtype
    assert parsed.shape == array.shape
    np.testing.assert_array_equal(parsed, array)


@bounded
@given(labels | images, st.data())
def test_any_truncated_file_is_refused(array, data):
    content = encode(array)
    end = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises(IdxError):
        parse(content[:end])


@bounded
@given(labels | images, st.binary(min_size=1, max_size=8))
def test_bytes_after_the_end_are_refused(array, more):
    with pytest.raises(IdxError, match="the header declares"):
        parse(encode(array) + more)


@settings(bounded, max_examples=200)
@given(st.binary(max_size=64) | st.tuples(headers, st.binary(max_size=30)).map(b"".join))
def test_any_bytes_are_parsed_or_refused(content):
    try:
        array = parse(content)
    except IdxError:
        return
    assert encode(array) == content


def test_the_layout_is_the_published_one():
    content = bytes.fromhex("00000803 00000001 00000002 00000003 010203040506")
    np.testing.assert_array_equal(parse(content), [[[1, 2, 3], [4, 5, 6]]])
    np.testing.assert_array_equal(parse(bytes.fromhex("00000801 00000002 0709")), [7, 9])


@pytest.mark.parametrize(("code", "kind"), CODES.items(), ids=CODES.values())
def test_each_type_has_its_published_code_and_is_big_endian(code, kind):
    array = np.array([[0], [1], [100]], kind)
    content = bytes([0, 0, code, 2, 0, 0, 0, 3, 0, 0, 0, 1]) + array.tobytes()
    assert encode(array) == encode(array.astype(array.dtype.newbyteorder("<"))) == content
    assert parse(content).dtype == np.dtype(kind)
    np.testing.assert_array_equal(parse(content), array)


def test_a_parsed_array_is_read_only_and_shares_memory():
    content = encode(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))
    array = parse(content)
    assert not array.flags.writeable
    assert np.shares_memory(array, np.frombuffer(content, np.uint8))


def test_an_array_of_any_memory_order_is_encoded_in_c_order():
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    assert encode(np.asfortranarray(array)) == encode(array)
    np.testing.assert_array_equal(parse(encode(array[:, ::-1, ::2])), array[:, ::-1, ::2])


WRONG = "00 000008 01000803 00010803 00000a03 00000701 00000f01 00000805 00000800 1f8b0800"


@pytest.mark.parametrize("magic", ["", *WRONG.split()])
def test_a_wrong_magic_number_is_refused(magic):
    with pytest.raises(IdxError, match=f"wrong magic number {magic or '.empty.'}: expected 00000801"):
        parse(bytes.fromhex(magic))


@pytest.mark.parametrize(
    "shape", [(MOST,), (MOST, 28, 28), (MOST, MOST, MOST), (0, MOST, MOST), (MOST, 0, MOST), (MOST, MOST, 0)]
)
def test_a_header_that_claims_too_much_is_refused_without_allocating(shape):
    content = header(*shape)
    # The message and the traceback, but no array of even one million images.
    with memory_below(100_000), pytest.raises(IdxError):
        parse(content)


@pytest.mark.parametrize(
    "array",
    [np.zeros((1,) * 5, np.uint8), np.uint8(3), np.zeros(3, np.int64), np.zeros(3, np.uint16), np.zeros(3, bool)],
    ids=["5 dimensions", "none", "int64", "uint16", "bool"],
)
def test_other_arrays_are_not_encoded(array):
    with pytest.raises(IdxError, match="expected an array of 1 to 4 dimensions and a type of IDX, received"):
        encode(array)


@bounded
@given(st.binary(max_size=300), st.integers(0, 9))
def test_compressed_content_is_expanded(content, level):
    assert decompress(gzip.compress(content, level), len(content)) == content


@bounded
@given(labels | images)
def test_uncompressed_content_is_returned_as_it_is(array):
    content = encode(array)
    assert decompress(content, len(content)) == content


@pytest.mark.parametrize("compress", [gzip.compress, bytes], ids=["gzip", "plain"])
@pytest.mark.parametrize("size", [0, 99, 101, 10_000])
def test_content_of_another_size_is_refused(compress, size):
    with pytest.raises(IdxError, match=str(size)):
        decompress(compress(bytes(100)), size)


@bounded
@given(st.binary(min_size=2, max_size=300), st.data())
def test_a_truncated_gzip_is_refused(content, data):
    compressed = gzip.compress(content)
    end = data.draw(st.integers(0, len(compressed) - 1))
    with pytest.raises(IdxError):
        decompress(compressed[:end], len(content))


@settings(bounded, max_examples=200)
@given(st.binary(max_size=300), st.data())
def test_a_flipped_byte_in_a_gzip_is_refused_or_harmless(content, data):
    compressed = bytearray(gzip.compress(content))
    position = data.draw(st.integers(2, len(compressed) - 1))  # without the magic number it is no gzip file
    compressed[position] ^= data.draw(st.integers(1, 255))
    try:
        expanded = decompress(bytes(compressed), len(content))
    except IdxError:
        return
    assert expanded == content


def test_all_members_of_a_gzip_file_are_expanded():
    first, second = bytes(range(200)), b"and more"
    assert decompress(gzip.compress(first) + gzip.compress(second), 208) == first + second
    with pytest.raises(IdxError, match=r"truncated gzip stream: it ends after 200 of 208 bytes"):
        decompress(gzip.compress(first) + gzip.compress(second)[:10], 208)
    with pytest.raises(IdxError, match=r"more than the expected 207 bytes"):
        decompress(gzip.compress(first) + gzip.compress(second), 207)


def test_a_gzip_bomb_is_expanded_no_further_than_the_known_size():
    bomb = gzip.compress(bytes(20_000_000), 1)
    # A copy of the compressed rest is allowed, twenty expanded megabytes are not.
    with memory_below(1_000_000), pytest.raises(IdxError, match="more than the expected 1000 bytes"):
        decompress(bomb, 1000)


IN_LITTLE_MEMORY = """
import gzip, resource, struct
from mnist_resnet.data.idx import IdxError, decompress, parse

files = [struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape) for shape in (
    (2**32 - 1,), (2**32 - 1, 28, 28), (2**32 - 1,) * 3, (0, 2**32 - 1, 2**32 - 1))]
bomb = gzip.compress(bytes(200_000_000), 1)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 50_000_000, used + 50_000_000))
for read in [*(lambda file=file: parse(file) for file in files), lambda: decompress(bomb, 1000)]:
    try:
        read()
    except IdxError as error:
        print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process its memory in /proc/self/statm")
def test_no_claim_needs_memory_that_is_not_there():
    ended = subprocess.run([sys.executable, "-c", IN_LITTLE_MEMORY], capture_output=True, text=True, check=False)
    assert ended.stderr == ""
    *claims, bomb = ended.stdout.splitlines()
    assert len(claims) == 4
    assert all(line.startswith("the header declares") for line in claims)
    assert bomb == "the gzip stream expands to more than the expected 1000 bytes"


# Linux counts what the starting process had in memory as the peak of the started one, but not of that one's child.
WITH_A_PEAK_OF_ITS_OWN = [sys.executable, "-c", "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"]


@pytest.mark.slow
def test_a_fuzzer_finds_nothing(tmp_path):
    pytest.importorskip("atheris", reason="atheris is not installed; it has no builds for all of our Pythons")
    limits = [f"-max_total_time={FUZZ_SECONDS}", "-timeout=5", "-rss_limit_mb=512", "-malloc_limit_mb=64"]
    fuzzer = [sys.executable, "-m", "tests.data.fuzz_idx"]
    ended = subprocess.run(
        [*WITH_A_PEAK_OF_ITS_OWN, *fuzzer, tmp_path / "corpus", *limits, f"-artifact_prefix={tmp_path}/"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-4000:]
    assert "Done " in ended.stderr
