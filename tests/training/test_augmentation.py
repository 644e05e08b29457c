from dataclasses import replace

import numpy as np
import pytest

from mnist_resnet.training.augmentation import Augmentation, draw_epoch

IMAGES = 500


@pytest.fixture
def parameters(training_parameters):
    return replace(training_parameters, epochs=10, unshifted_epochs=2, max_shift=2, horizontal_flip=True)


@pytest.fixture
def images() -> np.ndarray:
    # Height and width differ, so that mixing them up shows; no pixel is black, so that margins show.
    return np.random.default_rng(0).integers(1, 256, (40, 5, 7), dtype=np.uint8)


def as_tuple(draws) -> tuple:
    return draws.order.tolist(), draws.shifts.tolist(), draws.flips.tolist()


def augmented(images, shifts, flips, max_shift) -> np.ndarray:
    """The layer's answer."""
    outputs = Augmentation(max_shift)(images, np.asarray(shifts, np.int32), np.asarray(flips, bool))
    return np.asarray(outputs)


def reference(images, shifts, flips) -> np.ndarray:
    """Move each image pixel by pixel, then mirror it."""
    outputs = np.zeros_like(images)
    height, width = images.shape[1:]
    for number, ((down, right), flip) in enumerate(zip(shifts, flips, strict=True)):
        for row in range(height):
            for column in range(width):
                if 0 <= row + down < height and 0 <= column + right < width:
                    outputs[number, row + down, column + right] = images[number, row, column]
        if flip:
            outputs[number] = np.fliplr(outputs[number])
    return outputs


def test_the_same_seed_and_epoch_give_the_same_draws(parameters):
    np.random.seed(1)  # the global state must not matter
    first = as_tuple(draw_epoch(IMAGES, 3, parameters))
    np.random.seed(2)
    assert as_tuple(draw_epoch(IMAGES, 3, parameters)) == first


@pytest.mark.parametrize(("seed", "epoch"), [(0, 4), (1, 3), (3, 0)])
def test_another_seed_or_epoch_gives_other_draws(parameters, seed, epoch):
    first = draw_epoch(IMAGES, 3, parameters)
    second = draw_epoch(IMAGES, epoch, replace(parameters, seed=seed))
    assert all(one != other for one, other in zip(as_tuple(first), as_tuple(second), strict=True))


def test_the_order_holds_every_image_once_and_not_as_published(parameters):
    order = draw_epoch(IMAGES, 0, parameters).order
    assert sorted(order) == list(range(IMAGES))
    assert order.tolist() != sorted(order)


@pytest.mark.parametrize("furthest", [0, 1, 3])
def test_shifts_take_all_values_within_bounds(parameters, furthest):
    shifts = draw_epoch(IMAGES, 0, replace(parameters, max_shift=furthest)).shifts
    assert shifts.shape == (IMAGES, 2)
    for direction in shifts.T:
        assert set(direction.tolist()) == set(range(-furthest, furthest + 1))


@pytest.mark.parametrize(("epoch", "shifted"), [(0, True), (7, True), (8, False), (9, False)])
def test_the_last_epochs_show_the_images_where_they_are(parameters, epoch, shifted):
    draws = draw_epoch(IMAGES, epoch, parameters)
    assert draws.shifts.any() == shifted
    assert draws.flips.any()
    assert draws.order.tolist() != sorted(draws.order)


@pytest.mark.parametrize(("unshifted", "shifted"), [(0, [True] * 3), (3, [False] * 3), (5, [False] * 3)])
def test_none_or_all_of_the_epochs_can_be_unshifted(parameters, unshifted, shifted):
    recipe = replace(parameters, epochs=3, unshifted_epochs=unshifted)
    assert [bool(draw_epoch(IMAGES, epoch, recipe).shifts.any()) for epoch in range(3)] == shifted


def test_about_half_of_the_images_are_flipped(parameters):
    # 250 ± 60 of 500 is more than five standard deviations wide; the seed is fixed besides.
    assert abs(draw_epoch(IMAGES, 0, parameters).flips.sum() - IMAGES / 2) < 60


def test_without_flips_none_is_drawn_and_the_rest_stays(parameters):
    flipping, plain = (draw_epoch(IMAGES, 0, replace(parameters, horizontal_flip=switch)) for switch in (True, False))
    assert not plain.flips.any()
    np.testing.assert_array_equal(flipping.order, plain.order)
    np.testing.assert_array_equal(flipping.shifts, plain.shifts)


@pytest.mark.parametrize("max_shift", [0, 1, 2, 4])
@pytest.mark.parametrize("flips", [True, False])
def test_images_equal_an_independent_reference(images, parameters, max_shift, flips):
    draws = draw_epoch(len(images), 0, replace(parameters, max_shift=max_shift, horizontal_flip=flips))
    outputs = augmented(images, draws.shifts, draws.flips, max_shift)
    assert outputs.dtype == np.uint8
    np.testing.assert_array_equal(outputs, reference(images, draws.shifts, draws.flips))


@pytest.mark.parametrize("max_shift", [0, 3])
def test_no_shift_and_no_flip_is_the_identity(images, max_shift):
    shifts, flips = np.zeros((len(images), 2)), np.zeros(len(images))
    np.testing.assert_array_equal(augmented(images, shifts, flips, max_shift), images)


def test_a_shift_goes_down_and_right_and_leaves_black_behind():
    image = np.array([[[1, 2, 3], [4, 5, 6], [7, 8, 9]]], np.uint8)
    assert augmented(image, [[1, 2]], [False], 2).tolist() == [[[0, 0, 0], [0, 0, 1], [0, 0, 4]]]
    assert augmented(image, [[-1, 0]], [False], 2).tolist() == [[[4, 5, 6], [7, 8, 9], [0, 0, 0]]]


def test_each_image_has_its_own_draw():
    image = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], np.uint8)
    moved = augmented(np.stack([image] * 3), [[0, 0], [0, 1], [0, 0]], [True, False, False], 1)
    assert moved[0].tolist() == [[3, 2, 1], [6, 5, 4], [9, 8, 7]]
    assert moved[1].tolist() == [[0, 1, 2], [0, 4, 5], [0, 7, 8]]
    assert moved[2].tolist() == image.tolist()
