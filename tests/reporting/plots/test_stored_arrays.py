import numpy as np
import pytest

from mnist_resnet.reporting.plots.stored_arrays import confidences, label_counts, mosaic


class Watched:
    """Images that are all as bright as their place says, which remember which of them were read."""

    def __init__(self, count: int) -> None:
        self.count, self.read = count, np.empty(0)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        self.read = rows
        return np.broadcast_to((rows * 256 // self.count)[:, None, None], (len(rows), 28, 28))


def test_a_mosaic_is_of_images_from_everywhere_and_reads_no_others():
    images = Watched(60_000)
    drawn = mosaic(images)
    assert drawn.shape == (6 * 60, 10 * 60)
    assert drawn.dtype == np.uint8
    assert len(images.read) == 60
    assert (images.read[0], images.read[-1]) == (0, 59_999)
    brightness = drawn[30::60, 30::60].ravel()
    assert brightness[0] == 0
    assert brightness[-1] == 255
    assert np.all(np.diff(brightness.astype(int)) > 0)
    assert np.unique(drawn[0]).tolist() == [96]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((1, 28, 28), (60, 600)), ((11, 28, 28), (120, 600)), ((3, 8, 8), (60, 600)), ((3, 224, 200), (60, 540))],
)
def test_images_of_any_size_are_small_in_a_mosaic(shape, expected):
    drawn = mosaic(np.full(shape, 200, np.uint8))
    assert drawn.shape == expected
    assert drawn[30, 30] == 200


@pytest.mark.parametrize("kind", [">f4", ">i2", "u1"])
def test_pixels_of_any_type_of_number_are_shown(kind):
    drawn = mosaic(np.array([[[0, 255], [100, 7]]], kind))
    assert {0, 255, 100, 7} <= set(drawn.ravel().tolist())


def test_a_bar_is_as_high_as_there_are_labels():
    (axes,) = label_counts(np.array([3, 1, 3, 3], ">i4")).axes
    assert [bar.get_height() for bar in axes.patches] == [1, 3]
    assert axes.get_xticks().tolist() == [1, 3]


@pytest.mark.parametrize("shape", [(20_000, 3), (2, 20_000, 3)])
def test_confidence_is_the_highest_probability_of_the_first_answers(shape):
    probabilities = np.zeros(shape, np.float32)
    probabilities[..., 0] = 0.97
    (axes,) = confidences(probabilities).axes
    heights = [bar.get_height() for bar in axes.patches]
    assert heights[-1] == sum(heights) == 10_000 * np.prod(shape[:-2], initial=1)
