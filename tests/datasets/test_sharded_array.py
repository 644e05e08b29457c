"""The training images, as one array or as shards; one form at a time."""

from pathlib import Path

import numpy as np
import pytest
from kedro.io import DatasetError

from mnist_resnet.datasets import ShardedArrayDataset
from mnist_resnet.storage.shard_writing import RowsForShards
from mnist_resnet.storage.shards import Shards
from tests.conftest import files_up_to, flip_a_bit

IMAGES = np.random.default_rng(0).integers(256, size=(25, 4, 3), dtype=np.uint8)


@pytest.fixture
def dataset(tmp_path: Path) -> ShardedArrayDataset:
    return ShardedArrayDataset(filepath=str(tmp_path / "images.npy"))


def in_shards() -> RowsForShards:
    return RowsForShards(IMAGES, np.arange(25), 10)


def test_nothing_is_there_at_first(dataset):
    assert not dataset.exists()
    assert dataset.digest() is None
    with pytest.raises(DatasetError, match=r"images\.npy does not exist"):
        dataset.load()


@pytest.mark.parametrize("first_in_shards", [True, False])
def test_one_form_replaces_the_other(dataset, tmp_path, first_in_shards):
    forms = [(in_shards(), "images", Shards), (IMAGES, "images.npy", np.ndarray)]
    for saved, name, kind in forms if first_in_shards else forms[::-1]:
        dataset.save(saved)
        loaded = dataset.load()
        assert dataset.exists()
        assert isinstance(loaded, kind)
        np.testing.assert_array_equal(loaded, IMAGES)
        assert [each.name for each in tmp_path.iterdir()] == [name]


def test_the_digest_changes_with_the_images_and_what_is_stale_does_not_exist(dataset):
    dataset.save(in_shards())
    before = dataset.digest()
    dataset.save(RowsForShards(IMAGES, np.arange(25), 5))
    assert before != dataset.digest() is not None
    dataset.stale = True
    assert not dataset.exists()
    dataset.save(in_shards())
    assert dataset.exists()
    assert dataset.digest() == before


def test_damage_and_a_full_disk_are_told_in_one_line(dataset, tmp_path):
    with files_up_to(50), pytest.raises(DatasetError, match=r"000000\.npy could not be written"):
        dataset.save(in_shards())
    assert not dataset.exists()
    dataset.save(in_shards())
    flip_a_bit(tmp_path / "images" / "000000.npy")
    with pytest.raises(Exception, match=r"000000\.npy is damaged"):
        np.asarray(dataset.load())
    (tmp_path / "images" / "index.json").write_text("{")
    with pytest.raises(DatasetError, match=r"index\.json is damaged"):
        dataset.load()


@pytest.mark.parametrize("first_in_shards", [True, False])
def test_what_was_there_in_the_other_form_outlives_a_full_disk(dataset, first_in_shards):
    before, new = (in_shards(), IMAGES) if first_in_shards else (IMAGES, in_shards())
    dataset.save(before)
    with files_up_to(50), pytest.raises(DatasetError, match="could not be written"):
        dataset.save(new)
    np.testing.assert_array_equal(dataset.load(), IMAGES)
