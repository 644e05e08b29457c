import numpy as np
import pytest

from mnist_resnet.data.sample import sample_of_each_class, spread_sample

SORTED = np.repeat(np.arange(10, dtype=np.uint8), 100)
UNEVEN = np.repeat(np.array([0, 3, 200], np.uint8), [700, 200, 100])  # most labels in between have no image


def counts(labels: np.ndarray, rows: np.ndarray) -> dict[int, int]:
    return dict(zip(*(values.tolist() for values in np.unique(labels[rows], return_counts=True)), strict=True))


@pytest.mark.parametrize("size", [20, 100, 333])
def test_every_class_of_a_sorted_file_has_its_share(size):
    shares = counts(SORTED, spread_sample(SORTED, size, seed=0))
    assert list(shares) == list(range(10))
    assert all(abs(drawn - size / 10) < 1 for drawn in shares.values())


def test_shares_are_those_of_the_whole():
    assert counts(UNEVEN, spread_sample(UNEVEN, 100, seed=0)) == {0: 70, 3: 20, 200: 10}


@pytest.mark.parametrize("draw", [spread_sample, sample_of_each_class])
def test_places_rise_and_none_is_drawn_twice(draw):
    rows = draw(np.random.default_rng(0).permutation(UNEVEN), 50, seed=1)
    assert rows.dtype == np.int64
    assert (np.diff(rows) > 0).all()


@pytest.mark.parametrize("draw", [spread_sample, sample_of_each_class])
def test_the_seed_alone_decides(draw):
    first, again, other = (draw(SORTED, 50, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert first.tolist() != other.tolist()


def test_every_image_has_the_same_chance():
    labels = np.array([0, 0, 0, 1, 1, 1, 1, 2], np.uint8)
    drawn = np.bincount(np.concatenate([spread_sample(labels, 3, seed) for seed in range(2000)]), minlength=8)
    # 2,000 draws with a chance of 3/8: a standard error of 22 images.
    assert np.abs(drawn - 750).max() < 90


@pytest.mark.parametrize("size", [8, 9, 1000])
def test_few_images_are_all_drawn(size):
    labels = np.array([2, 0, 1, 0, 5, 5, 5, 1], np.uint8)
    assert spread_sample(labels, size, seed=0).tolist() == list(range(8))
    assert sample_of_each_class(labels, size, seed=0).tolist() == list(range(8))


def test_fewer_images_than_classes_are_of_different_classes():
    assert set(counts(SORTED, spread_sample(SORTED, 4, seed=0)).values()) == {1}


def test_of_each_class_equally_many_are_drawn_or_all():
    labels = np.repeat(np.array([0, 3, 200], np.uint8), [700, 5, 100])
    assert counts(labels, sample_of_each_class(labels, 8, seed=0)) == {0: 8, 3: 5, 200: 8}


def test_of_no_images_none_are_drawn():
    nothing = np.zeros(0, np.uint8)
    assert len(spread_sample(nothing, 5, 0)) == len(sample_of_each_class(nothing, 5, 0)) == 0
