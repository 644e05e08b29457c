from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from mnist_resnet.training.augmentation import Augmentation, draw_epoch

IMAGES = 500
SIZE = (28, 20)


@pytest.fixture
def parameters(training_parameters):
    return replace(
        training_parameters, epochs=10, unshifted_epochs=2, max_shift=2, horizontal_flip=True, erased_fraction=0.5
    )


@pytest.fixture
def images() -> np.ndarray:
    # Height and width differ, so that mixing them up shows; no pixel is black, so that margins show.
    return np.random.default_rng(0).integers(1, 256, (40, 5, 7), dtype=np.uint8)


def as_tuple(draws) -> tuple:
    return draws.order.tolist(), draws.shifts.tolist(), draws.flips.tolist(), draws.erased.tolist()


def augmented(images, shifts, flips, erased=None) -> np.ndarray:
    """The layer's answer."""
    rectangles = np.zeros((len(images), 4), np.int32) if erased is None else np.asarray(erased, np.int32)
    outputs = Augmentation()(images, np.asarray(shifts, np.int32), np.asarray(flips, bool), rectangles)
    return np.asarray(outputs)


def reference(images, shifts, flips, erased) -> np.ndarray:
    """Move each image pixel by pixel, then mirror it, then blacken its rectangle."""
    outputs = np.zeros_like(images)
    height, width = images.shape[1:]
    for number, ((down, right), flip) in enumerate(zip(shifts, flips, strict=True)):
        for row in range(height):
            for column in range(width):
                if 0 <= row + down < height and 0 <= column + right < width:
                    outputs[number, row + down, column + right] = images[number, row, column]
        if flip:
            outputs[number] = np.fliplr(outputs[number])
    for output, (top, left, tall, wide) in zip(outputs, erased, strict=True):
        for row in range(top, top + tall):
            for column in range(left, left + wide):
                output[row, column] = 0
    return outputs


def test_the_same_seed_and_epoch_give_the_same_draws(parameters):
    np.random.seed(1)  # the global state must not matter
    first = as_tuple(draw_epoch(IMAGES, SIZE, 3, parameters))
    np.random.seed(2)
    assert as_tuple(draw_epoch(IMAGES, SIZE, 3, parameters)) == first


@pytest.mark.parametrize(("seed", "epoch"), [(0, 4), (1, 3), (3, 0)])
def test_another_seed_or_epoch_gives_other_draws(parameters, seed, epoch):
    first = draw_epoch(IMAGES, SIZE, 3, parameters)
    second = draw_epoch(IMAGES, SIZE, epoch, replace(parameters, seed=seed))
    assert all(one != other for one, other in zip(as_tuple(first), as_tuple(second), strict=True))


def test_the_order_holds_every_image_once_and_not_as_published(parameters):
    order = draw_epoch(IMAGES, SIZE, 0, parameters).order
    assert sorted(order) == list(range(IMAGES))
    assert order.tolist() != sorted(order)


@pytest.mark.parametrize("furthest", [0, 1, 3])
def test_shifts_take_all_values_within_bounds(parameters, furthest):
    shifts = draw_epoch(IMAGES, SIZE, 0, replace(parameters, max_shift=furthest)).shifts
    assert shifts.shape == (IMAGES, 2)
    for direction in shifts.T:
        assert set(direction.tolist()) == set(range(-furthest, furthest + 1))


@pytest.mark.parametrize(("epoch", "shifted"), [(0, True), (7, True), (8, False), (9, False)])
def test_the_last_epochs_show_the_images_where_they_are(parameters, epoch, shifted):
    draws = draw_epoch(IMAGES, SIZE, epoch, parameters)
    assert draws.shifts.any() == shifted
    assert draws.flips.any()
    assert draws.order.tolist() != sorted(draws.order)


@pytest.mark.parametrize(("unshifted", "shifted"), [(0, [True] * 3), (3, [False] * 3), (5, [False] * 3)])
def test_none_or_all_of_the_epochs_can_be_unshifted(parameters, unshifted, shifted):
    recipe = replace(parameters, epochs=3, unshifted_epochs=unshifted)
    assert [bool(draw_epoch(IMAGES, SIZE, epoch, recipe).shifts.any()) for epoch in range(3)] == shifted


def test_about_half_of_the_images_are_flipped(parameters):
    # 250 ± 60 of 500 is more than five standard deviations wide; the seed is fixed besides.
    assert abs(draw_epoch(IMAGES, SIZE, 0, parameters).flips.sum() - IMAGES / 2) < 60


def test_without_flips_none_is_drawn_and_the_rest_stays(parameters):
    flipping, plain = (
        draw_epoch(IMAGES, SIZE, 0, replace(parameters, horizontal_flip=switch)) for switch in (True, False)
    )
    assert not plain.flips.any()
    np.testing.assert_array_equal(flipping.order, plain.order)
    np.testing.assert_array_equal(flipping.shifts, plain.shifts)


@pytest.mark.parametrize("max_shift", [0, 1, 2, 4])
@pytest.mark.parametrize("flips", [True, False])
@pytest.mark.parametrize("fraction", [0.0, 0.5, 1.0])
def test_images_equal_an_independent_reference(images, parameters, max_shift, flips, fraction):
    recipe = replace(parameters, max_shift=max_shift, horizontal_flip=flips, erased_fraction=fraction)
    draws = draw_epoch(len(images), images.shape[1:], 0, recipe)
    outputs = augmented(images, draws.shifts, draws.flips, draws.erased)
    assert outputs.dtype == np.uint8
    np.testing.assert_array_equal(outputs, reference(images, draws.shifts, draws.flips, draws.erased))


def test_no_shift_and_no_flip_is_the_identity(images):
    shifts, flips = np.zeros((len(images), 2)), np.zeros(len(images))
    np.testing.assert_array_equal(augmented(images, shifts, flips), images)


def test_a_shift_goes_down_and_right_and_leaves_black_behind():
    image = np.array([[[1, 2, 3], [4, 5, 6], [7, 8, 9]]], np.uint8)
    assert augmented(image, [[1, 2]], [False]).tolist() == [[[0, 0, 0], [0, 0, 1], [0, 0, 4]]]
    assert augmented(image, [[-1, 0]], [False]).tolist() == [[[4, 5, 6], [7, 8, 9], [0, 0, 0]]]


def test_each_image_has_its_own_draw():
    image = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], np.uint8)
    moved = augmented(np.stack([image] * 3), [[0, 0], [0, 1], [0, 0]], [True, False, False])
    assert moved[0].tolist() == [[3, 2, 1], [6, 5, 4], [9, 8, 7]]
    assert moved[1].tolist() == [[0, 1, 2], [0, 4, 5], [0, 7, 8]]
    assert moved[2].tolist() == image.tolist()


def test_a_rectangle_is_erased_where_the_outcome_has_it():
    image = np.array([[[1, 2, 3], [4, 5, 6], [7, 8, 9]]], np.uint8)
    assert augmented(image, [[0, 0]], [False], [[1, 0, 2, 1]]).tolist() == [[[1, 2, 3], [0, 5, 6], [0, 8, 9]]]
    # Moved right, then mirrored; the rectangle does not move with it.
    assert augmented(image, [[0, 1]], [True], [[0, 0, 1, 2]]).tolist() == [[[0, 0, 0], [5, 4, 0], [8, 7, 0]]]
    assert augmented(image, [[0, 0]], [False], [[0, 0, 3, 3]]).tolist() == [[[0] * 3] * 3]
    assert augmented(image, [[0, 0]], [False], [[2, 1, 0, 0]]).tolist() == image.tolist()


@pytest.mark.parametrize(
    ("fraction", "fewest", "most"), [(0.0, 0, 0), (0.25, 80, 170), (0.5, 190, 310), (1.0, 500, 500)]
)
def test_a_share_of_the_images_is_erased(parameters, fraction, fewest, most):
    # More than four standard deviations to either side; the seed is fixed besides.
    erased = draw_epoch(IMAGES, SIZE, 0, replace(parameters, erased_fraction=fraction)).erased
    assert erased.shape == (IMAGES, 4)
    assert erased.dtype == np.int32
    assert fewest <= (erased[:, 2:] > 0).all(axis=1).sum() <= most
    # None has one extent only.
    assert ((erased[:, 2] > 0) == (erased[:, 3] > 0)).all()


@pytest.mark.parametrize("size", [(28, 28), (64, 48), (96, 96)])
def test_rectangles_have_the_published_areas_and_aspects_and_lie_within_the_image(parameters, size):
    erased = draw_epoch(5000, size, 0, replace(parameters, erased_fraction=1.0)).erased
    (top, left), (tall, wide) = erased[:, :2].T, erased[:, 2:].T
    # Extents are rounded to whole pixels, then clipped to the image, which only brings their ratio nearer to one.
    image = size[0] * size[1]
    assert ((tall + 0.5) * (wide + 0.5) >= 0.02 * image).all()
    assert ((tall - 0.5) * (wide - 0.5) <= 0.4 * image).all()
    assert ((tall + 0.5) / (wide - 0.5) >= 0.3).all()
    assert ((tall - 0.5) / (wide + 0.5) <= 1 / 0.3).all()
    assert (np.minimum(top, left) >= 0).all()
    assert (top + tall <= size[0]).all()
    assert (left + wide <= size[1]).all()


def test_rectangles_take_their_ranges_up(parameters):
    erased = draw_epoch(5000, (200, 200), 0, replace(parameters, erased_fraction=1.0)).erased
    (top, left), (tall, wide) = erased[:, :2].T, erased[:, 2:].T
    unclipped = np.maximum(tall, wide) < 200
    area, aspect = (tall * wide / 200**2)[unclipped], np.log(tall / wide)[unclipped]
    # Areas are drawn evenly from 0.02 to 0.4, and as many rectangles are tall as are wide: to a few hundredths, the
    # standard deviation of a mean of 5000 being 0.0016 and 0.01; clipped ones, large and lengthy, are left aside.
    assert area.min() < 0.03
    assert area.max() > 0.39
    assert abs(area.mean() - 0.21) < 0.02
    assert aspect.min() < np.log(0.32)
    assert aspect.max() > np.log(1 / 0.32)
    assert abs(aspect.mean()) < 0.05
    assert (top == 0).any()
    assert (left == 0).any()
    assert (top + tall == 200).any()
    assert (left + wide == 200).any()


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 3)])
def test_rectangles_fit_the_smallest_images(parameters, size):
    erased = draw_epoch(IMAGES, size, 0, replace(parameters, erased_fraction=1.0)).erased
    assert (erased >= 0).all()
    assert (erased[:, :2] + erased[:, 2:] <= size).all()


def test_erasing_changes_no_other_draw(parameters):
    spared, erased = (
        draw_epoch(IMAGES, SIZE, 3, replace(parameters, erased_fraction=fraction)) for fraction in (0.0, 1.0)
    )
    assert as_tuple(spared)[:3] == as_tuple(erased)[:3]
    assert as_tuple(spared)[3] != as_tuple(erased)[3]


def test_no_step_of_it_lacks_a_kernel_on_gpus(images):
    """TensorFlow gathers no uint8 on a GPU, and keeps int32 arithmetic on the host."""
    arguments = images, np.zeros((40, 2), np.int32), np.zeros(40, bool), np.zeros((40, 4), np.int32)
    graph = (
        tf.function(Augmentation())
        .get_concrete_function(*(tf.TensorSpec((None, *each.shape[1:]), each.dtype) for each in arguments))
        .graph
    )
    operations = graph.get_operations()
    assert "BatchMatMulV2" in {operation.type for operation in operations}
    assert "GatherV2" not in {operation.type for operation in operations}
    arithmetic = {"AddV2", "Sub", "Mul", "SelectV2", "Less", "GreaterEqual", "Equal", "BatchMatMulV2"}
    dtypes = {operation.inputs[-1].dtype.name for operation in operations if operation.type in arithmetic}
    assert dtypes == {"float32"}
