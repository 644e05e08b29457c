"""Arrays in shards: the same values, each shard verified where it is read, and an index that comes last."""

import json
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from mnist_resnet.storage.addresses import Address
from mnist_resnet.storage.arrays import parts, same
from mnist_resnet.storage.digests import digest_of_array
from mnist_resnet.storage.shard_writing import RowsForShards, write_shards
from mnist_resnet.storage.shards import INDEX, ShardError, Shards, shards_digest
from tests.conftest import flip_a_bit, memory_below

IMAGES = np.random.default_rng(0).integers(256, size=(103, 5, 4), dtype=np.uint8)
ROWS = np.arange(3, 103)
CHOSEN = [0, -1, slice(None), slice(8, 33), slice(90, 200), slice(None, None, 7), slice(5, 5), [3, 99, 3, 50], []]


@pytest.fixture(params=["folder", "address"])
def folder(request, tmp_path: Path) -> Address:
    """Where shards may lie: on this machine, or in a file system of fsspec's."""
    return Address(tmp_path / "shards" if request.param == "folder" else f"memory://{uuid4()}/shards")


def written(folder: Address, count: int = 10) -> Shards:
    rows = RowsForShards(IMAGES, ROWS, count)
    write_shards(rows, rows.shard_rows, folder)
    return Shards(folder)


@pytest.mark.parametrize("count", [1, 7, 10, 99, 100, 1000])
def test_shards_are_the_rows_in_their_order(folder, count):
    shards = written(folder, count)
    assert (shards.shape, shards.dtype, shards.ndim, shards.nbytes, len(shards)) == ((100, 5, 4), "uint8", 3, 2000, 100)
    assert sum(shards.counts) == 100
    assert set(shards.counts[:-1]) <= {count}
    np.testing.assert_array_equal(np.asarray(shards), IMAGES[3:])
    assert same(shards, IMAGES[3:])
    assert b"".join(part.tobytes() for part in parts(shards)) == IMAGES[3:].tobytes()
    for number in range(len(shards.counts)):
        np.testing.assert_array_equal(shards.read(number), IMAGES[3:][shards.part(number)])


@pytest.mark.parametrize("chosen", CHOSEN, ids=str)
def test_rows_are_picked_as_from_an_array(folder, chosen):
    shards = written(folder)
    chosen = np.array(chosen, np.int64) if isinstance(chosen, list) else chosen
    np.testing.assert_array_equal(shards[chosen], IMAGES[3:][chosen], strict=True)


def test_rows_are_picked_by_a_mask_and_many_of_one_shard(folder):
    shards = written(folder, 50)
    mask = np.arange(100) % 3 == 0
    np.testing.assert_array_equal(shards[mask], IMAGES[3:][mask])
    with pytest.raises(IndexError, match="100"):
        shards[np.array([100])]


def test_the_digest_is_that_of_the_array_and_is_known_without_reading(folder):
    shards = written(folder)
    for number in range(10):
        (folder / f"{number:06}.npy").remove()
    assert digest_of_array(shards) == digest_of_array(IMAGES[3:])


def test_each_file_is_what_numpy_saves_and_the_index_has_its_sha256(folder, tmp_path):
    written(folder, 30)
    described = json.loads((folder / INDEX).read())
    assert [each["rows"] for each in described["shards"]] == [30, 30, 30, 10]
    for place, each in enumerate(described["shards"]):
        np.save(tmp_path / "expected.npy", IMAGES[3:][30 * place : 30 * (place + 1)])
        content = (folder / each["file"]).read()
        assert content == (tmp_path / "expected.npy").read_bytes()
        assert (each["sha256"], each["bytes"]) == (sha256(content).hexdigest(), len(content))


def test_a_damaged_shard_is_refused_where_it_is_read(tmp_path):
    shards = written(Address(tmp_path))
    flip_a_bit(tmp_path / "000003.npy")
    np.testing.assert_array_equal(shards.read(2), IMAGES[23:33])
    with pytest.raises(ShardError, match=r"000003\.npy is damaged.*kedro run --pipelines data"):
        shards.read(3)
    np.testing.assert_array_equal(shards[[5, 29]], IMAGES[3:][[5, 29]])
    with pytest.raises(ShardError, match=r"000003\.npy is damaged"):
        shards[[5, 39]]


def test_a_missing_shard_changes_the_digest_and_is_refused_where_it_is_read(folder):
    shards = written(folder)
    assert shards_digest(folder) == sha256((folder / INDEX).read()).hexdigest()
    (folder / "000003.npy").remove()
    assert shards_digest(folder) is None
    with pytest.raises(ShardError, match=r"000003\.npy is missing.*kedro run --pipelines data"):
        shards.read(3)


@pytest.mark.parametrize("content", [b"", b"{", b'{"dtype": "uint8"}'])
def test_an_index_that_cannot_be_read_is_refused(folder, content):
    with pytest.raises(ShardError, match=r"index\.json does not exist"):
        Shards(folder)
    assert shards_digest(folder) is None
    (folder / INDEX).write(content)
    with pytest.raises(ShardError, match=r"index\.json is damaged"):
        Shards(folder)
    assert shards_digest(folder) is None


def test_fewer_shards_leave_none_of_those_before(folder):
    written(folder, 10)
    assert len(written(folder, 40).counts) == 3
    assert sorted(folder.sizes()) == ["000000.npy", "000001.npy", "000002.npy", INDEX]


def test_without_all_shards_there_is_no_index(folder):
    class FailingRows(RowsForShards):
        def __getitem__(self, chosen):
            if chosen.start >= 50:
                raise KeyboardInterrupt
            return super().__getitem__(chosen)

    written(folder)
    with pytest.raises(KeyboardInterrupt):
        write_shards(FailingRows(IMAGES, ROWS, 10), 10, folder)
    assert INDEX not in folder.sizes()


def test_a_few_shards_at_most_are_in_memory(tmp_path):
    images = np.zeros((20_000, 28, 28), np.uint8)
    with memory_below(4_000_000):  # a shard has 784,000 bytes, all images 15,680,000
        write_shards(RowsForShards(images, np.arange(20_000), 1_000), 1_000, Address(tmp_path))
        assert sum(int(part.sum()) for part in parts(Shards(Address(tmp_path)))) == 0
