import tracemalloc

import numpy as np
import pytest
from PIL import Image

from mnist_resnet.prediction.fitting import NoDigitError, fit_digit
from mnist_resnet.prediction.pictures import PictureError, read_picture

SIZE = (28, 28)


def drawn(height: int, width: int, ink: np.ndarray | int = 255, place: tuple[int, int] = (30, 50)) -> np.ndarray:
    """A black picture of 300×400 pixels with ink somewhere."""
    picture = np.zeros((300, 400), np.uint8)
    picture[place[0] : place[0] + height, place[1] : place[1] + width] = ink
    return picture


def inked(image: np.ndarray) -> tuple[slice, slice]:
    """The rows and columns from the first to the last that is not black."""
    rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


@pytest.mark.parametrize(
    ("height", "width", "rows", "columns"),
    [
        (200, 200, slice(4, 24), slice(4, 24)),
        (200, 100, slice(4, 24), slice(9, 19)),
        (40, 200, slice(12, 16), slice(4, 24)),
        (5, 5, slice(4, 24), slice(4, 24)),
    ],
)
def test_ink_fills_a_box_of_20_pixels_with_its_proportions_kept(height, width, rows, columns) -> None:
    fitted = fit_digit(drawn(height, width), SIZE)
    assert (fitted.dtype, fitted.shape) == (np.uint8, SIZE)
    assert inked(fitted) == (rows, columns)
    assert (fitted[rows, columns] == 255).all()


def test_a_pixel_is_the_mean_of_the_area_that_it_covers() -> None:
    # 40 rows become 20 pixels, and 5 columns two and a half.
    fitted = fit_digit(drawn(40, 5), SIZE)
    np.testing.assert_array_equal(fitted[inked(fitted)], np.tile([255, 255, 128], (20, 1)))


def test_the_centre_of_mass_lies_in_the_middle_pixel() -> None:
    generator = np.random.default_rng(0)
    for _ in range(20):
        top, left = generator.integers(10, 30, 2)
        ink = np.zeros((60, 60))
        ink[0], ink[:, 0], ink[top:, left:] = 255, 255, 255
        fitted = fit_digit(drawn(60, 60, ink), SIZE).astype(float)
        centre = [(fitted.sum(axis=1 - axis) * np.arange(28)).sum() / fitted.sum() for axis in (0, 1)]
        assert np.abs(np.array(centre) - 14).max() <= 0.5


def test_what_lies_far_from_the_centre_of_mass_stays_in_the_field() -> None:
    heavy_end = drawn(200, 200, 0)
    heavy_end[30:230, 50:60], heavy_end[30:40, 50:250] = 255, 255
    fitted = fit_digit(heavy_end, SIZE)
    assert inked(fitted)[0].stop - inked(fitted)[0].start == 20
    assert inked(fitted)[1].stop - inked(fitted)[1].start == 20


@pytest.mark.parametrize("place", [(0, 0), (99, 199), (30, 50)])
def test_it_does_not_matter_where_the_ink_is(place) -> None:
    np.testing.assert_array_equal(fit_digit(drawn(200, 150, place=place), SIZE), fit_digit(drawn(200, 150), SIZE))


def test_dark_ink_is_found_like_bright_ink() -> None:
    picture = drawn(150, 90, np.arange(90) * 2)
    np.testing.assert_array_equal(fit_digit(255 - picture, SIZE), fit_digit(picture, SIZE))


def test_weak_ink_noise_and_shade_make_no_difference() -> None:
    generator = np.random.default_rng(0)
    shade = np.linspace(-15, 15, 400) + generator.normal(scale=4, size=(300, 400))
    photo = (200 - drawn(200, 100) * (120 / 255) + shade).astype(np.uint8)
    np.testing.assert_array_equal(fit_digit(photo, SIZE), fit_digit(drawn(200, 100), SIZE))


def test_an_image_made_like_mnists_keeps_its_pixels() -> None:
    image = np.zeros(SIZE, np.uint8)
    image[4:24, 11:17] = 255
    np.testing.assert_array_equal(fit_digit(image, SIZE), image)


@pytest.mark.parametrize(("size", "box"), [((56, 56), 40), ((8, 8), 6), ((28, 56), 20), ((1, 1), 1)])
def test_other_sizes_have_a_box_in_proportion(size, box) -> None:
    fitted = fit_digit(drawn(100, 100), size)
    assert fitted.shape == size
    assert [each.stop - each.start for each in inked(fitted)] == [box, box]


@pytest.mark.parametrize("grey", [0, 120, 255])
def test_a_picture_of_one_grey_is_refused(grey, tmp_path) -> None:
    blank = np.full((40, 40), grey, np.uint8)
    blank[5, 5] = abs(grey - 31)
    with pytest.raises(NoDigitError, match="no digit"):
        fit_digit(blank, SIZE)
    Image.fromarray(blank).save(tmp_path / "blank.png")
    with pytest.raises(PictureError, match=r"blank\.png: one grey throughout"):
        read_picture(tmp_path / "blank.png", SIZE, fit="digit")


@pytest.mark.parametrize("value", [255, 130])
def test_specks_far_apart_that_leave_nothing_when_shrunk_are_no_digit(value) -> None:
    specks = np.zeros((600, 600), np.uint8)
    specks[3, 5], specks[590, 580] = 255, value
    with pytest.raises(NoDigitError, match="too little ink; there is no digit to be seen"):
        fit_digit(specks, SIZE)


def test_a_long_thin_picture_takes_no_more_memory_than_a_few_times_its_own() -> None:
    thin = np.zeros((1, 200_000), np.uint8)
    thin[0, [0, -1]] = 255
    tracemalloc.start()
    with pytest.raises(NoDigitError, match="too little ink"):
        fit_digit(thin, SIZE)
    assert tracemalloc.get_traced_memory()[1] < 40 * thin.size
    tracemalloc.stop()


def test_a_picture_is_read_with_its_digit_fitted(tmp_path) -> None:
    Image.fromarray(255 - drawn(200, 100)).save(tmp_path / "one.png")
    fitted = read_picture(tmp_path / "one.png", SIZE, fit="digit")
    np.testing.assert_array_equal(fitted, fit_digit(drawn(200, 100), SIZE))
