import numpy as np
import pytest

from mnist_resnet.computing.backend import keras
from mnist_resnet.config import PreprocessingParameters
from mnist_resnet.models.preprocessing_layers import prepare, preprocessing_layers
from mnist_resnet.preprocessing import Preprocessing, fit_preprocessing


@pytest.fixture
def images(made_data):
    return made_data.arrays["test_images"]


def resized_by_hand(image, size):
    """Bilinear, with pixel centres at halves and nothing beyond the edge, in float64."""

    def weights(target, source):
        centres = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
        return np.maximum(0, 1 - np.abs(centres[:, None] - np.arange(source)))

    return weights(size[0], image.shape[0]) @ image.astype(float) @ weights(size[1], image.shape[1]).T


def test_standardized_images_have_mean_0_and_deviation_1(images):
    parameters = PreprocessingParameters(method="pad", size=(8, 8), scaling="standardize")
    prepared = prepare(images, fit_preprocessing(images, parameters))
    # float32 rounds each value by about 1e-7 of its size, which is about 1.
    assert prepared.mean(dtype=float) == pytest.approx(0, abs=1e-6)
    assert prepared.std(dtype=float) == pytest.approx(1, abs=1e-6)


def test_unit_images_go_from_0_to_1():
    prepared = prepare(np.array([[[0, 51], [102, 255]]], np.uint8), Preprocessing("pad", (2, 2), 0.0, 1 / 255))
    np.testing.assert_allclose(prepared, [[[0, 0.2], [0.4, 1]]], rtol=1e-6)  # float32


def test_padding_puts_the_image_in_the_middle_of_black():
    image = np.array([[[0, 255], [10, 20]]], np.uint8)
    prepared = prepare(image, Preprocessing("pad", (4, 4), 6.0, 0.5))
    by_hand = np.full((4, 4), (0 - 6) * 0.5)  # the raw value 0, standardized as the image is
    by_hand[1:3, 1:3] = [[-3.0, 124.5], [2.0, 7.0]]
    np.testing.assert_array_equal(prepared, [by_hand])  # every step is exact in float32


def test_the_odd_row_and_column_go_below_and_to_the_right():
    prepared = prepare(np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8), Preprocessing("pad", (5, 4), 0.0, 1.0))
    by_hand = [[0, 0, 0, 0], [1, 2, 3, 0], [4, 5, 6, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    np.testing.assert_array_equal(prepared, [by_hand])


@pytest.mark.parametrize("method", ["pad", "resize"])
def test_a_target_of_the_same_size_changes_no_pixel(images, method):
    np.testing.assert_array_equal(prepare(images, Preprocessing(method, (8, 8), 0.0, 1.0)), images)


@pytest.mark.parametrize("size", [(12, 12), (32, 31), (4, 4), (5, 7), (16, 3)])
def test_resizing_is_bilinear_to_a_fraction_of_a_grey_value(images, size):
    prepared = prepare(images[:5], Preprocessing("resize", size, 0.0, 1.0))
    by_hand = np.stack([resized_by_hand(image, size) for image in images[:5]])
    # float32 places a pixel to 1e-6 of a pixel, between neighbours that differ by 255 at most. A result that is
    # rounded to whole grey values would be up to 0.5 off.
    np.testing.assert_allclose(prepared, by_hand, atol=1e-3, rtol=0)


def test_resized_images_are_standardized(images):
    raw = prepare(images[:5], Preprocessing("resize", (12, 10), 0.0, 1.0))
    prepared = prepare(images[:5], Preprocessing("resize", (12, 10), 50.0, 0.02))
    np.testing.assert_allclose(prepared, (raw - 50) * 0.02, atol=1e-5)  # float32, values below 5


@pytest.mark.parametrize("method", ["pad", "resize"])
def test_prepared_images_are_float32_and_neither_change_the_images_nor_one_another(images, method):
    preprocessing, before = Preprocessing(method, (11, 10), 50.0, 0.02), images.copy()
    together, alone = prepare(images, preprocessing), prepare(images[3:4], preprocessing)
    np.testing.assert_array_equal(images, before)
    assert isinstance(together, np.ndarray)
    assert together.dtype == alone.dtype == np.float32
    assert (together.shape, alone.shape) == ((60, 11, 10), (1, 11, 10))
    np.testing.assert_array_equal(alone[0], together[3])


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("method", ["pad", "resize"])
def test_the_layers_stay_float32_under_any_precision_policy(images, precision_before, method, policy):
    preprocessing = Preprocessing(method, (10, 10), 33.3, 0.0123)
    exact = prepare(images, preprocessing)
    keras.config.set_dtype_policy(policy)
    inputs = outputs = keras.Input((8, 8), dtype="uint8")
    for layer in preprocessing_layers(preprocessing, (8, 8)):
        assert getattr(layer, "compute_dtype", "float32") in {"uint8", "float32"}
        outputs = layer(outputs)
    assert keras.backend.standardize_dtype(outputs.dtype) == "float32"
    assert outputs.shape == (None, 10, 10, 1)
    np.testing.assert_array_equal(prepare(images, preprocessing), exact)
    # As part of a compiled graph, float32 operations may be fused, which rounds once less.
    network = keras.Model(inputs, outputs)
    np.testing.assert_allclose(network.predict(images, verbose=0)[..., 0], exact, atol=1e-6)
