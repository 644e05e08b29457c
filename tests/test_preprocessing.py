import numpy as np
import pytest

from mnist_resnet.config import PreprocessingParameters
from mnist_resnet.preprocessing import Preprocessing, PreprocessingError, fit_preprocessing


@pytest.fixture
def images(made_data):
    return made_data.arrays["test_images"]


def fitted(images, scaling, method="pad", size=(12, 12)):
    return fit_preprocessing(images, PreprocessingParameters(method=method, size=size, scaling=scaling))


def test_mean_and_deviation_are_those_of_all_pixels(images):
    preprocessing = fitted(images, "standardize")
    # Both are float64 sums of a few thousand values, in different order.
    assert preprocessing.mean == pytest.approx(images.mean(), rel=1e-12)
    assert preprocessing.scale == pytest.approx(1 / images.std(), rel=1e-12)
    assert (preprocessing.method, preprocessing.size) == ("pad", (12, 12))


def test_bright_images_do_not_overflow():
    images = np.full((3, 100, 100), 255, np.uint8)
    images[1] = 253
    preprocessing = fitted(images, "standardize")
    assert preprocessing.mean == pytest.approx(763 / 3, rel=1e-12)
    assert preprocessing.scale == pytest.approx(1 / np.sqrt(8 / 9), rel=1e-12)


def test_unit_scaling_does_not_look_at_the_images(images):
    assert fitted(images, "unit", "resize", (5, 6)) == Preprocessing("resize", (5, 6), 0.0, 1 / 255)
    assert fitted(images[:1] * 0, "unit") == fitted(images, "unit")


@pytest.mark.parametrize("value", [0, 7, 255])
def test_images_of_one_value_cannot_be_standardized(value):
    with pytest.raises(PreprocessingError, match=r"preprocessing\.scaling: received 'standardize', .*; use 'unit'"):
        fitted(np.full((2, 4, 4), value, np.uint8), "standardize")
