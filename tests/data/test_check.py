import re
from dataclasses import replace

import numpy as np
import pytest

from mnist_resnet.data.check import DataError, class_indices, read_part
from mnist_resnet.data.idx import encode, parse
from mnist_resnet.errors import UserError


def with_label(labels, label):
    changed = labels.copy()
    changed[7] = label
    return changed


def with_pixel(images, value, kind):
    changed = images.astype(kind)
    changed[3, 2, 1] = value
    return changed


def as_published(kind):
    """Make an array one that comes from a file of another type."""
    return lambda array: parse(encode(array.astype(kind)))


def described(**changes):
    return lambda dataset: replace(dataset, **changes)


def letters(count=26, **changes):
    """How a data set of letters is described."""
    return described(class_names=tuple(chr(ord("A") + index) for index in range(count)), **changes)


def shaped(*shape, remedy="correct image_size, or name another file"):
    return rf"train images \(train_images-idx\) have shape {re.escape(str(shape))}, but image_size .*: {remedy}"


COLOUR = "colour is not supported; make them grey, with one value"


@pytest.fixture
def read(made_data):
    """A part of the made data as it is read, with other images, other labels or another description."""

    def read(part="train", *, images=None, labels=None, **described):
        published = [made_data.arrays[f"{part}_{kind}"] for kind in ("images", "labels")]
        given = [own if other is None else other(own) for own, other in zip(published, (images, labels), strict=True)]
        return read_part(replace(made_data.dataset, **described), part, *given)

    return read


IMAGE_FAULTS = {
    "narrow": (lambda images: images[:, :7], shaped(7, 8)),
    "reshaped": (lambda images: images.reshape(-1, 4, 16), shaped(4, 16)),
    "rows": (lambda images: images[:, 0], shaped(8)),
    "row": (lambda images: images[0, 0], shaped()),
    "channels": (lambda images: np.stack([images] * 5, 3), shaped(8, 8, 5)),
    "narrow channel": (lambda images: images[:, :7, :, None], shaped(7, 8, 1)),
    "colour last": (lambda images: np.stack([images] * 3, 3), shaped(8, 8, 3, remedy=COLOUR)),
    "colour first": (lambda images: np.stack([images] * 4, 1), shaped(4, 8, 8, remedy=COLOUR)),
    "narrow colour": (lambda images: np.stack([images[:, :7]] * 3, 3), shaped(7, 8, 3, remedy=COLOUR)),
    "negative": (lambda images: with_pixel(images, -1, ">i2"), "train images are int16 with the value -1, but a pixel"),
    "too bright": (lambda images: with_pixel(images, 256, ">i4"), "train images are int32 with the value 256, but"),
    "broken": (lambda images: with_pixel(images, 0.5, ">f4"), "float32 with the value 0.5, .* scale and round them"),
    "no number": (lambda images: with_pixel(images, np.nan, ">f8"), "float64 with the value nan"),
    "infinite": (lambda images: with_pixel(images, np.inf, ">f4"), "float32 with the value inf"),
}

LABEL_FAULTS = {
    "fewer": (lambda labels: labels[:-1], r"240 train images, but labels of shape \(239,\)"),
    "more": (lambda labels: np.append(labels, np.uint8(0)), r"240 train images, but labels of shape \(241,\)"),
    "column": (lambda labels: labels[:, None], r"240 train images, but labels of shape \(240, 1\)"),
    "next": (
        lambda labels: with_label(labels, 3),
        r"train labels go from 0 to 3, but class_names lists 3 classes, for the labels 0 to 2; set first_label in "
        r"conf/base/datasets\.yml to the label of the first name, 0 or less, and list a name for each label up to 3;",
    ),
    "last": (lambda labels: with_label(labels, 255), "train labels go from 0 to 255, .* each label up to 255"),
    "beyond": (lambda labels: with_label(labels.astype(">i4"), 256), "from 0 to 256, .* at most 256 classes"),
    "negative": (lambda labels: with_label(labels.astype(">i4"), -1), "from -1 to 2, .*the first name, -1 or less"),
    "broken": (lambda labels: with_label(labels.astype(">f4"), 0.5), "labels have the value 0.5, but labels are whole"),
    "no number": (lambda labels: with_label(labels.astype(">f4"), np.nan), "labels have the value nan"),
    "enormous": (lambda labels: with_label(labels.astype(">f8"), 1e300), r"labels have the value 1e\+300"),
    "one absent": (
        lambda labels: labels // 2,
        r"no training image has the class below \(label 2\), training labels go from 0 to 1\. If the files are right, "
        r'set .* empty_classes: \["below"\]; if there is no such class, take it out of class_names',
    ),
    "all but one absent": (lambda labels: labels * 0, "all training images have the label 0, but a classifier"),
    "in the middle": (
        lambda labels: labels // 2 * 2,
        r'class right \(label 1\), training labels go from 0 to 2\. If .* empty_classes: \["right"\]',
    ),
}


@pytest.mark.parametrize("part", ["train", "test"])
def test_parts_that_fit_are_taken_as_they_are(made_data, read, part):
    images, labels = read(part)
    assert np.shares_memory(images, made_data.arrays[f"{part}_images"])
    np.testing.assert_array_equal(labels, made_data.arrays[f"{part}_labels"])
    assert labels.dtype == np.uint8


@pytest.mark.parametrize(("change", "message"), IMAGE_FAULTS.values(), ids=IMAGE_FAULTS)
def test_images_that_do_not_fit_are_refused(read, change, message):
    with pytest.raises(DataError, match=rf"Made squares: .*{message}"):
        read(images=change)


@pytest.mark.parametrize(("change", "message"), LABEL_FAULTS.values(), ids=LABEL_FAULTS)
def test_labels_that_do_not_fit_are_refused(read, change, message):
    with pytest.raises(DataError, match=rf"Made squares: .*{message}"):
        read(labels=change)


# What means the same in another form


@pytest.mark.parametrize("kind", ["i2", "i4", "f4", "f8"])
def test_whole_numbers_of_any_type_are_pixels_and_labels(made_data, read, kind):
    arrays = read(images=as_published(kind), labels=as_published(kind))
    for array, expected in zip(arrays, ("train_images", "train_labels"), strict=True):
        assert array.dtype == np.uint8
        np.testing.assert_array_equal(array, made_data.arrays[expected])


def test_signed_bytes_are_taken_where_none_is_negative(made_data, read):
    images, _ = read(images=lambda images: as_published("i1")(images // 2), labels=as_published("i1"))
    np.testing.assert_array_equal(images, made_data.arrays["train_images"] // 2)


@pytest.mark.parametrize("axis", [1, 3])
def test_one_channel_is_grey(made_data, read, axis):
    images, _ = read(images=lambda images: np.expand_dims(images, axis))
    np.testing.assert_array_equal(images, made_data.arrays["train_images"])
    assert np.shares_memory(images, made_data.arrays["train_images"])


@pytest.mark.parametrize("channels", [(), (1,)])
def test_images_of_one_pixel_are_images(read, channels):
    images, _ = read("test", images=lambda images: images[:, 0, 0].reshape(-1, 1, 1, *channels), image_size=(1, 1))
    assert images.shape == (60, 1, 1)


# Where labels begin


@pytest.mark.parametrize("first", [-1, 1, 48, 1000])
@pytest.mark.parametrize("part", ["train", "test"])
def test_classes_are_counted_from_the_first_label(made_data, first, part):
    dataset, labels = replace(made_data.dataset, first_label=first), made_data.arrays[f"{part}_labels"]
    indices = class_indices(dataset, part, labels.astype(np.int32) + first)
    np.testing.assert_array_equal(indices, labels)


ONE_TO_26 = np.arange(1, 27, dtype=np.uint8)
ALL_ALIKE = "all training images have the label {}, but .* at least two classes"


def set_and_list(first, last):
    return f"set first_label .* first name, {first} or less, and list a name for each label up to {last};"


REMEDIES = {
    "26 names for 1 to 26": (letters(26), ONE_TO_26, set_and_list(1, 26)),
    "25 names for 1 to 26": (letters(25), ONE_TO_26, set_and_list(1, 26)),
    "26 names for 2 to 26": (letters(26), ONE_TO_26[1:], set_and_list(2, 26)),
    "26 names for ASCII": (letters(26), ONE_TO_26 + 64, set_and_list(65, 90)),
    "26 names for digits and ASCII": (letters(26), np.append(ONE_TO_26 + 64, np.uint8(48)), set_and_list(48, 90)),
    "from 1, though from 0": (letters(26, first_label=1), ONE_TO_26 - 1, rf"labels 1 to 26; {set_and_list(0, 25)}"),
    "27 names for 1 to 26": (
        letters(27),
        ONE_TO_26,
        r"class A \(label 0\), training labels go from 1 to 26\. If the files are right, set in conf/.*yml "
        r'empty_classes: \["A"\]; if there is no such class, take it out of class_names, and set first_label',
    ),
    "28 names of which one is permitted": (
        letters(28, empty_classes=("A",)),
        ONE_TO_26,
        r'\(label 27\), .*empty_classes: \["A", ".+"\]',
    ),
    "names of other scripts": (
        described(class_names=("猫", "अ", "😀")),
        np.array([0, 1], np.uint8),
        r'the class 😀 \(label 2\), .*empty_classes: \["😀"\]',
    ),
    "one label": (described(), np.ones(7, np.uint8), ALL_ALIKE.format(1)),
    "one label, counted from 1": (described(first_label=1), np.full(7, 2, np.uint8), ALL_ALIKE.format(2)),
}


@pytest.mark.parametrize(("described", "labels", "remedy"), REMEDIES.values(), ids=REMEDIES)
def test_the_remedy_says_what_the_labels_ask_for(made_data, described, labels, remedy):
    with pytest.raises(DataError, match=remedy):
        class_indices(described(made_data.dataset), "train", labels)


@pytest.mark.parametrize(
    "described",
    [letters(26, first_label=1), letters(27, empty_classes=("A",)), letters(27, empty_classes=("A", "B"))],
    ids=["first label", "empty class", "an empty class that is not"],
)
def test_each_remedy_is_the_last_that_is_needed(made_data, described):
    dataset = described(made_data.dataset)
    np.testing.assert_array_equal(class_indices(dataset, "train", ONE_TO_26), ONE_TO_26 - dataset.first_label)


# The test part


def test_too_large_a_label_is_refused_in_the_test_part_too(read):
    said = r"test labels go from 0 to 9, .*name each label from 0 to 9 .* take the test files"
    with pytest.raises(DataError, match=said):
        read("test", labels=lambda labels: with_label(labels, 9))


def test_a_first_label_that_fits_the_training_images_is_not_called_wrong(made_data):
    with pytest.raises(DataError, match=r"name each label from 0 to 5 in conf"):
        class_indices(made_data.dataset, "test", np.array([3, 4, 5], np.uint8))


def test_the_test_part_need_not_have_every_class(read):
    read("test", labels=lambda labels: labels * 0)


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_part_without_images_is_refused(read, part):
    with pytest.raises(DataError, match=f"Made squares: its {part} files hold no images") as refused:
        read(part, images=lambda images: images[:0], labels=lambda labels: labels[:0])
    assert isinstance(refused.value, UserError)
