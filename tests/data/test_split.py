from dataclasses import replace

import numpy as np
import pytest

from mnist_resnet.data.check import DataError
from mnist_resnet.data.split import check_sizes, split

SIZES = [150, 100, 50]  # images of each class


@pytest.fixture
def published():
    """Images that each hold their own number, and unevenly many labels of each class in random order."""
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(3, dtype=np.uint8), SIZES))
    images = np.arange(len(labels), dtype=np.uint16).view(np.uint8).reshape(-1, 1, 2)
    return images, labels


@pytest.fixture
def parted(published, data_parameters):
    """The parts by the base parameters, with changes."""
    return lambda **changes: split(*published, replace(data_parameters, **changes))


def numbers(images):
    return np.ascontiguousarray(images).view(np.uint16).ravel()


def as_bytes(parts):
    return [np.asarray(part).tobytes() for part in parts]


def test_every_class_has_its_share_and_every_image_is_in_one_part(parted):
    parts = parted()
    assert np.bincount(parts.validation_labels).tolist() == [30, 20, 10]
    assert np.bincount(parts.train_labels).tolist() == [120, 80, 40]
    everything = np.concatenate([numbers(parts.train_images), numbers(parts.validation_images)])
    assert sorted(everything.tolist()) == list(range(sum(SIZES)))


@pytest.mark.parametrize("limit", [None, 100])
def test_every_image_keeps_its_label_and_each_part_the_published_order(published, parted, limit):
    parts = parted(training_images=limit)
    _, labels = published
    for images, kept in (parts[:2], parts[2:]):
        np.testing.assert_array_equal(kept, labels[numbers(images)])
        assert (np.diff(numbers(images).astype(int)) > 0).all()


@pytest.mark.parametrize("limit", [None, 100])
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(parted, limit):
    first = as_bytes(parted(training_images=limit))
    np.random.seed(3)  # the global state must not matter
    assert as_bytes(parted(training_images=limit)) == first
    assert as_bytes(parted(training_images=limit, seed=1)) != first


@pytest.mark.parametrize("limit", [30, 100, 150, 297, 300])
def test_a_limit_is_the_number_of_images_used(parted, limit):
    parts = parted(training_images=limit)
    used = np.concatenate([numbers(parts.train_images), numbers(parts.validation_images)])
    assert len(used) == len(set(used.tolist())) == limit
    assert len(parts.validation_labels) == round(limit * 0.2)


@pytest.mark.parametrize("limit", [298, 299])
def test_a_limit_that_leaves_out_fewer_images_than_classes_is_refused(parted, limit):
    with pytest.raises(DataError, match=rf"data\.training_images: received {limit}, .* each of the 3 classes"):
        parted(training_images=limit)


def test_a_limited_choice_has_its_share_of_every_class(parted):
    parts = parted(training_images=60)
    assert np.bincount(np.concatenate([parts.train_labels, parts.validation_labels])).tolist() == [30, 20, 10]


def test_a_limit_of_all_images_is_no_limit(parted):
    assert as_bytes(parted(training_images=sum(SIZES))) == as_bytes(parted())


def test_a_limit_beyond_the_images_is_refused(parted):
    with pytest.raises(DataError, match=r"data\.training_images: received 301, but there are 300 images; lower it"):
        parted(training_images=301)


@pytest.mark.parametrize("validation", ["stratified", "last"])
@pytest.mark.parametrize("fraction", [0.001, 0.005, 0.995, 0.999])
def test_a_part_with_fewer_images_than_classes_is_refused(parted, fraction, validation):
    with pytest.raises(DataError, match="validation_fraction"):
        parted(validation_fraction=fraction, validation=validation)


@pytest.mark.parametrize("fraction", [0.2, 0.25])
def test_the_last_images_may_be_the_validation_part(published, parted, fraction):
    parts = parted(validation="last", validation_fraction=fraction)
    size = sum(SIZES) - round(fraction * sum(SIZES))
    expected = [part for place in (slice(size), slice(size, None)) for part in (each[place] for each in published)]
    for part, of_it in zip(parts, expected, strict=True):
        np.testing.assert_array_equal(part, of_it)


def test_the_last_images_are_the_same_for_every_seed(parted):
    assert as_bytes(parted(validation="last")) == as_bytes(parted(validation="last", seed=1))


def test_of_a_limited_choice_the_last_images_are_the_validation_part(published, parted):
    parts = parted(validation="last", training_images=100)
    train, validation = numbers(parts.train_images), numbers(parts.validation_images)
    assert (len(train), len(validation)) == (80, 20)
    assert train.max() < validation.min()
    # The choice itself has its share of every class, wherever the images stand.
    assert np.bincount(published[1][np.concatenate([train, validation])]).tolist() == [50, 33, 17]


@pytest.mark.parametrize("validation", ["stratified", "last"])
def test_a_fraction_of_zero_leaves_every_image_for_training(published, parted, validation):
    parts = parted(validation=validation, validation_fraction=0.0)
    for part, whole in zip(parts[:2], published, strict=True):
        np.testing.assert_array_equal(part, whole)
    # Empty, but of the shape and type that the following stages know.
    assert (parts.validation_images.shape, parts.validation_labels.shape) == ((0, 1, 2), (0,))
    assert [part.dtype for part in parts] == [np.uint8] * 4


@pytest.mark.parametrize("validation", ["stratified", "last"])
def test_a_fraction_of_zero_goes_with_a_limit(parted, validation):
    parts = parted(validation=validation, validation_fraction=0.0, training_images=60)
    assert np.bincount(parts.train_labels).tolist() == [30, 20, 10]
    assert len(parts.validation_labels) == 0


# Classes with few images


@pytest.fixture
def with_a_single_one(published):
    """The same with a fourth class, of which there is one image, number 17."""
    images, labels = published
    labels = labels.copy()
    labels[17] = 3
    return images, labels


@pytest.mark.parametrize("limit", [None, 100])
def test_the_only_image_of_a_class_is_trained_on(with_a_single_one, data_parameters, limit, caplog):
    caplog.set_level("INFO", logger="mnist_resnet.data.split")
    parts = split(*with_a_single_one, replace(data_parameters, training_images=limit))
    assert 17 in numbers(parts.train_images)
    assert 3 not in parts.validation_labels
    assert len(parts.validation_labels) == round((limit or sum(SIZES)) * 0.2)
    assert len(parts.train_labels) + len(parts.validation_labels) == (limit or sum(SIZES))
    assert "Classes with only one image: 1. It is used for training, not for validation" in caplog.messages


def test_more_classes_with_one_image_than_room_for_them_are_refused(data_parameters):
    labels = np.arange(200, dtype=np.uint8)
    with pytest.raises(DataError, match=r"validation_fraction: received 0\.2, .* and one of them 200 more images"):
        split(labels, labels, data_parameters)


def test_the_last_images_may_not_be_all_that_there_are_of_a_class(published, data_parameters):
    images, labels = published
    parameters = replace(data_parameters, validation="last", validation_fraction=0.25)
    with pytest.raises(DataError, match=r"'last', .* leaves no training image of the classes 2 \(counted from 0"):
        split(images, np.sort(labels), parameters)


def test_a_limit_may_not_leave_a_class_out(data_parameters):
    labels = np.repeat(np.arange(3, dtype=np.uint8), [5000, 5000, 2])
    with pytest.raises(DataError, match=r"training_images 50 leaves no training image of the classes 2 \("):
        split(labels, labels, replace(data_parameters, training_images=50))


def test_the_classes_need_not_be_consecutive(published, data_parameters):
    images, labels = published
    parts = split(images, labels * 100, data_parameters)
    assert np.flatnonzero(np.bincount(parts.validation_labels)).tolist() == [0, 100, 200]


def test_two_hundred_and_fifty_six_classes_are_split(data_parameters):
    labels = np.tile(np.arange(256, dtype=np.uint8), 10)
    parts = split(labels, labels, data_parameters)
    assert (np.bincount(parts.validation_labels) == 2).all()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({}, 240), ({"validation_fraction": 0.0}, 300), ({"training_images": 100}, 80), ({"validation": "last"}, 240)],
)
def test_the_size_of_the_training_part_is_known_before_the_split(published, data_parameters, changes, expected):
    parameters = replace(data_parameters, **changes)
    assert check_sizes(published[1], parameters) == expected
    assert len(split(*published, parameters).train_labels) == expected
