import numpy as np
import pytest

from mnist_resnet.data.check import DataError, check_part
from mnist_resnet.errors import UserError


def with_label(labels, label):
    changed = labels.copy()
    changed[7] = label
    return changed


IMAGE_FAULTS = [
    (
        lambda images: images[:, :7],
        r"train images have shape \(7, 8\), but image_size says \(8, 8\); correct image_size",
    ),
    (lambda images: images.reshape(-1, 4, 16), r"train images have shape \(4, 16\)"),
    (lambda images: images[:, 0], r"train images have shape \(8,\)"),
    (lambda images: images[..., None], r"train images have shape \(8, 8, 1\)"),
    (lambda images: images[0, 0], r"train images have shape \(\)"),
]

LABEL_FAULTS = [
    (lambda labels: labels[:-1], r"240 train images, but labels of shape \(239,\)"),
    (lambda labels: np.append(labels, np.uint8(0)), r"240 train images, but labels of shape \(241,\)"),
    (lambda labels: labels[:, None], r"240 train images, but labels of shape \(240, 1\)"),
    (lambda labels: with_label(labels, 3), r"train labels go up to 3, but class_names lists 3 classes \(0 to 2\)"),
    (
        lambda labels: with_label(labels, 255),
        "train labels go up to 255, .*; correct class_names in conf/base/datasets",
    ),
    (lambda labels: labels // 2, "no training image has the class below; correct class_names in conf/base/datasets"),
    (lambda labels: labels * 0, "no training image has the class right, below;"),
]


@pytest.mark.parametrize("part", ["train", "test"])
def test_parts_that_fit_are_accepted(made_data, part):
    check_part(made_data.dataset, part, made_data.arrays[f"{part}_images"], made_data.arrays[f"{part}_labels"])


@pytest.mark.parametrize(("change", "message"), IMAGE_FAULTS, ids=["narrow", "reshaped", "rows", "channel", "row"])
def test_images_of_another_shape_are_refused(made_data, change, message):
    arrays = made_data.arrays
    with pytest.raises(DataError, match=f"Made squares: {message}"):
        check_part(made_data.dataset, "train", change(arrays["train_images"]), arrays["train_labels"])


@pytest.mark.parametrize(
    ("change", "message"), LABEL_FAULTS, ids=["fewer", "more", "column", "next", "last", "one absent", "two absent"]
)
def test_labels_that_do_not_fit_are_refused(made_data, change, message):
    arrays = made_data.arrays
    with pytest.raises(DataError, match=f"Made squares: {message}"):
        check_part(made_data.dataset, "train", arrays["train_images"], change(arrays["train_labels"]))


def test_too_large_a_label_is_refused_in_the_test_part_too(made_data):
    arrays = made_data.arrays
    with pytest.raises(DataError, match="test labels go up to 9"):
        check_part(made_data.dataset, "test", arrays["test_images"], with_label(arrays["test_labels"], 9))


def test_the_test_part_need_not_have_every_class(made_data):
    arrays = made_data.arrays
    check_part(made_data.dataset, "test", arrays["test_images"], arrays["test_labels"] * 0)


def test_no_images_at_all_cannot_be_trained_on(made_data):
    arrays = made_data.arrays
    with pytest.raises(DataError, match="no training image has the class left, right, below"):
        check_part(made_data.dataset, "train", arrays["train_images"][:0], arrays["train_labels"][:0])


def test_an_error_in_the_data_is_one_that_a_user_can_put_right():
    assert issubclass(DataError, UserError)
