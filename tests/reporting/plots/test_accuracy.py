import numpy as np
import pytest
from matplotlib.text import Text

from mnist_resnet.evaluation.calibration import measure_calibration
from mnist_resnet.reporting.plots import confusion_matrix, reliability_diagram
from tests.reporting.plots.conftest import MANY_NAMES, NAMES, pictures, texts


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


def test_a_confusion_matrix_of_all_possible_classes_is_no_larger_than_can_be_shown():
    names = tuple(f"class {number}" for number in range(256))
    figure = confusion_matrix(np.eye(256, dtype=np.int64), names, "Many")
    assert max(figure.get_size_inches()) < 25
    assert {"class 0", "class 255"} <= set(texts(figure))


@pytest.fixture
def calibration():
    """Ten images at confidence 0.75, six of them right; two at 0.95, both right."""
    confidence = np.array([0.75] * 10 + [0.95] * 2, np.float32)
    labels = np.array([0] * 6 + [1] * 4 + [0] * 2, np.uint8)
    return measure_calibration(np.stack([confidence, 1 - confidence], axis=1), labels)


def test_a_reliability_diagram_shows_every_bin_its_interval_and_its_images(calibration):
    figure = reliability_diagram(calibration, "Reliability")
    read = texts(figure)
    assert {"Reliability", "confidence", "accuracy", "images", "perfect calibration"} <= set(read)
    # The mean over the images of |accuracy - confidence|: (10 * 0.15 + 2 * 0.05) / 12.
    assert "expected calibration error 0.1333" in read
    above, below = figure.axes
    (points,) = [line for line in above.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(points.get_xydata(), [[0.75, 0.6], [0.95, 1.0]], atol=1e-7)
    (intervals,) = above.collections
    drawn = [sorted(segment[:, 1]) for segment in intervals.get_segments()]
    np.testing.assert_allclose(drawn, [entry.accuracy_interval for entry in calibration.bins])
    bars = [(bar.get_x(), bar.get_x() + bar.get_width(), bar.get_height()) for bar in below.patches]
    np.testing.assert_allclose(bars, [(11 / 15, 12 / 15, 10), (14 / 15, 15 / 15, 2)])


def test_a_reliability_diagram_takes_a_model_that_is_always_sure_and_right():
    figure = reliability_diagram(measure_calibration(np.eye(3, dtype=np.float32), np.arange(3, dtype=np.uint8)), "Sure")
    assert "expected calibration error 0.0000" in texts(figure)
