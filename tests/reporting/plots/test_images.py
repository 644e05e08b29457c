import numpy as np
import pytest
from matplotlib.text import Text

from mnist_resnet.reporting.plots import image_grid, mistakes
from tests.reporting.plots.conftest import MANY_NAMES, NAMES, pictures, texts


def numbered(labels: np.ndarray) -> np.ndarray:
    """Images that say their own index."""
    return np.arange(len(labels), dtype=np.uint8)[:, None, None] * np.ones((1, 8, 8), np.uint8)


@pytest.mark.parametrize("names", [NAMES, MANY_NAMES], ids=["three classes", "twelve classes"])
def test_an_image_grid_has_a_named_row_of_its_own_images_for_each_class(names):
    labels = np.arange(10 * len(names), dtype=np.uint8) % len(names)
    figure = image_grid(numbered(labels).astype("float32"), labels, names, "Made squares")
    assert {"Made squares", *names} <= set(texts(figure))
    shown = [int(picture[0, 0]) for picture in pictures(figure)]
    assert shown == [index for row in range(len(names)) for index in np.flatnonzero(labels == row)[:8]]


def test_an_image_grid_takes_classes_with_few_images_or_none():
    labels = np.array([0, 0, 2], np.uint8)
    figure = image_grid(numbered(labels), labels, NAMES, "Few")
    assert set(NAMES) <= set(texts(figure))
    assert [int(picture[0, 0]) for picture in pictures(figure)] == [0, 1, 2]


@pytest.mark.parametrize("count", [32, 33])
def test_many_rows_have_room_for_names_and_title(count):
    names = tuple(f"a class of some length, {number}" for number in range(count))
    labels = np.arange(count, dtype=np.uint8)
    figure = image_grid(numbered(labels).astype("float32"), labels, names, "Many")
    assert {"Many", *names} <= set(texts(figure))
    places = [text.get_window_extent() for text in figure.findobj(Text) if text.get_text() in {"Many", *names}]
    assert all(figure.bbox.x0 <= place.x0 and place.y1 <= figure.bbox.y1 for place in places)
    title, first = (place for place in sorted(places, key=lambda place: -place.y1)[:2])
    assert title.y0 > first.y1


def one_hot(classes: list[int], share: float) -> np.ndarray:
    rest = (1 - share) / (len(NAMES) - 1)
    return np.where(np.eye(len(NAMES), dtype=bool)[classes], share, rest).astype(np.float32)


def test_mistakes_say_what_was_taken_for_what_and_how_surely():
    labels = np.array([0, 1], np.uint8)
    figure = mistakes(numbered(labels), labels, one_hot([2, 0], 0.9), NAMES, "Mistakes")
    read = texts(figure)
    assert read.count("left\ntaken for T-shirt/top (90%)") == 1
    assert read.count("right\ntaken for left (90%)") == 1
    assert "Mistakes" in read
    assert [int(picture[0, 0]) for picture in pictures(figure)] == [0, 1]


@pytest.mark.parametrize("count", [1, 6, 7, 24])
def test_every_mistake_is_shown(count):
    labels = np.zeros(count, np.uint8)
    figure = mistakes(numbered(labels), labels, one_hot([1] * count, 0.6), NAMES, "Mistakes")
    assert sum("taken for" in text for text in texts(figure)) == count
    assert [int(picture[0, 0]) for picture in pictures(figure)] == list(range(count))


def test_no_mistakes_at_all_is_an_empty_picture():
    figure = mistakes(
        np.zeros((0, 8, 8), np.uint8), np.zeros(0, np.uint8), np.zeros((0, 3), np.float32), NAMES, "None at all"
    )
    assert texts(figure) == ["None at all"]
    assert pictures(figure) == []
