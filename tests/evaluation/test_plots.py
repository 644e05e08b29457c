from io import BytesIO

import numpy as np
import pytest
from matplotlib.text import Text

from mnist_resnet.evaluation.plots import confusion_matrix, image_grid, learning_curves, mistakes

NAMES = ("left", "right", "T-shirt/top")
MANY_NAMES = tuple(f"class {number}" for number in range(12))


def texts(figure) -> list[str]:
    """All that can be read in a figure, after drawing it as PNG."""
    content = BytesIO()
    figure.savefig(content, format="png", dpi=40)
    assert content.getvalue().startswith(b"\x89PNG\r\n\x1a\n")
    return [text.get_text() for text in figure.findobj(Text) if text.get_visible() and text.get_text()]


def pictures(figure) -> list[np.ndarray]:
    return [np.asarray(image.get_array()) for axes in figure.axes for image in axes.images]


def history(epochs: int) -> list[dict]:
    return [
        {
            "epoch": epoch,
            "learning_rate": 0.1,
            "train_loss": 2.0 / epoch,
            "train_accuracy": 1 - 0.5 / epoch,
            "validation_loss": 2.2 / epoch,
            "validation_accuracy": 1 - 0.6 / epoch,
            "seconds": 3.0,
            "images_per_second": 100.0,
        }
        for epoch in range(1, epochs + 1)
    ]


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


@pytest.mark.parametrize("epochs", [1, 2, 30])
def test_learning_curves_show_both_parts_of_both_quantities(epochs):
    entries = history(epochs)
    figure = learning_curves(entries, "Learning")
    read = texts(figure)
    assert {"Learning", "loss", "accuracy", "epoch", "train", "validation"} <= set(read)
    drawn = {
        (axes.get_ylabel(), line.get_label()): (line.get_xdata(), line.get_ydata())
        for axes in figure.axes
        for line in axes.lines
    }
    assert len(drawn) == 4
    for (quantity, part), (places, values) in drawn.items():
        np.testing.assert_array_equal(places, np.arange(1, epochs + 1))
        np.testing.assert_array_equal(values, [entry[f"{part}_{quantity}"] for entry in entries])
        assert any(f"{values[-1]:.4f}" in text for text in read)


def test_learning_curves_without_validation_images_show_the_training_alone():
    entries = [entry | {"validation_loss": None, "validation_accuracy": None} for entry in history(3)]
    figure = learning_curves(entries, "Learning")
    read = texts(figure)
    assert {"loss", "accuracy", "train"} <= set(read)
    assert not any("validation" in text or "None" in text for text in read)
    assert {f"in the end {entries[-1][key]:.4f}" for key in ("train_loss", "train_accuracy")} <= set(read)
    assert [(axes.get_ylabel(), line.get_label()) for axes in figure.axes for line in axes.lines] == [
        ("loss", "train"),
        ("accuracy", "train"),
    ]


@pytest.mark.parametrize("names", [NAMES, MANY_NAMES], ids=["three classes", "twelve classes"])
def test_a_confusion_matrix_has_names_on_both_sides_and_counts_within(names):
    counts = np.diag(np.arange(1000, 1000 + len(names)))
    counts[0, 1] = 7
    figure = confusion_matrix(counts, names, "Confused")
    read = texts(figure)
    assert {"Confused", "predicted class", "true class", "7", "1,000"} <= set(read)
    assert all(read.count(name) == 2 for name in names)
    assert "0" not in read
    (seven,) = [text for text in figure.findobj(Text) if text.get_text() == "7"]
    # The true class 0 is a row, the predicted class 1 a column.
    assert seven.get_position() == (1, 0)
    (picture,) = pictures(figure)
    assert picture[0, 1] == pytest.approx(np.sqrt(7 / 1007))


def test_a_confusion_matrix_takes_a_class_without_images():
    figure = confusion_matrix(np.array([[3, 1], [0, 0]]), ("a", "b"), "Empty row")
    assert {"Empty row", "a", "b", "3", "1"} <= set(texts(figure))


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
