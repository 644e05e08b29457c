import math

import numpy as np
import pytest

from mnist_resnet.evaluation.metrics import (
    ClassMetrics,
    accuracy_interval,
    confusion,
    measure,
    most_confident_mistakes,
)

# Six images. True classes: 0 0 0 1 2 2; taken for: 0 0 1 1 2 0; no 3 at all.
PROBABILITIES = np.array(
    [
        [0.8, 0.1, 0.1, 0.0],
        [0.5, 0.2, 0.2, 0.1],
        [0.3, 0.6, 0.1, 0.0],
        [0.1, 0.7, 0.1, 0.1],
        [0.2, 0.2, 0.4, 0.2],
        [0.9, 0.0, 0.1, 0.0],
    ],
    np.float32,
)
LABELS = np.array([0, 0, 0, 1, 2, 2], np.uint8)


def test_accuracy_and_loss_of_a_small_example():
    measured = measure(PROBABILITIES, LABELS)
    assert measured.accuracy == pytest.approx(4 / 6)
    # The mean of -log of each image's true share; float32 shares are exact to 6e-8 of themselves.
    shares = [0.8, 0.5, 0.3, 0.7, 0.4, 0.1]
    assert measured.loss == pytest.approx(-sum(map(math.log, shares)) / 6, rel=1e-6)


def test_each_class_of_a_small_example():
    measured = measure(PROBABILITIES, LABELS)
    # Precision: right among those taken for it. Recall: right among those that are it.
    expected = {
        "0": ClassMetrics(precision=2 / 3, recall=2 / 3, f1=2 / 3, support=3),
        "1": ClassMetrics(precision=1 / 2, recall=1 / 1, f1=2 / 3, support=1),
        "2": ClassMetrics(precision=1 / 1, recall=1 / 2, f1=2 / 3, support=2),
        "3": ClassMetrics(precision=None, recall=None, f1=None, support=0),
    }
    assert list(measured.per_class) == list(expected)
    for name, metrics in expected.items():
        assert vars(measured.per_class[name]) == pytest.approx(vars(metrics)), name


def test_a_class_without_images_has_no_figures_though_images_were_taken_for_it():
    measured = measure(PROBABILITIES, np.array([0, 0, 2, 1, 2, 2], np.uint8) % 2)
    assert measured.per_class["2"] == ClassMetrics(None, None, None, 0)
    assert measured.per_class["0"].support == 5


def test_a_class_that_no_image_was_taken_for_has_a_recall_but_no_precision():
    measured = measure(PROBABILITIES, np.array([0, 0, 3, 1, 2, 2], np.uint8))
    assert measured.per_class["3"] == ClassMetrics(precision=None, recall=0.0, f1=0.0, support=1)


def test_classes_without_images_do_not_change_accuracy_and_loss():
    spread = np.insert(PROBABILITIES, [1, 4], 0, axis=1)
    labels = np.array([0, 2, 3, 4], np.uint8)[LABELS]
    with_absent = measure(spread, labels)
    without = measure(PROBABILITIES, LABELS)
    assert with_absent.accuracy == without.accuracy
    assert with_absent.loss == pytest.approx(without.loss, rel=1e-6)


# Newcombe 1998, "Two-sided confidence intervals for the single proportion: comparison of seven methods",
# table I, method 3 (Wilson's score without continuity correction), to four decimals.
@pytest.mark.parametrize(
    ("correct", "images", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_is_the_published_one(correct, images, low, high):
    assert accuracy_interval(correct, images) == pytest.approx((low, high), abs=5e-5)


def test_the_interval_is_that_of_the_accuracy():
    assert measure(PROBABILITIES, LABELS).accuracy_interval == accuracy_interval(4, 6)


def test_figures_are_plain_numbers_that_json_takes():
    measured = measure(PROBABILITIES, LABELS)
    assert (type(measured.accuracy), type(measured.loss)) == (float, float)
    assert [type(end) for end in measured.accuracy_interval] == [float, float]
    kinds = [[type(value) for value in vars(metrics).values()] for metrics in measured.per_class.values()]
    assert kinds == [[float, float, float, int]] * 3 + [[type(None)] * 3 + [int]]


def test_perfect_answers():
    measured = measure(np.eye(3, dtype=np.float32), np.arange(3, dtype=np.uint8))
    assert measured.accuracy == 1
    assert measured.loss == pytest.approx(0, abs=1e-6)
    assert {metrics.f1 for metrics in measured.per_class.values()} == {1}


def test_a_true_class_held_impossible_costs_much_but_not_infinitely_much():
    measured = measure(np.array([[1, 0], [1, 0]], np.float32), np.array([0, 1], np.uint8))
    assert 5 < measured.loss < math.inf


def test_rows_that_are_rounded_off_one_are_no_fault():
    rounded = PROBABILITIES * np.float32(1 + 1e-6)
    assert measure(rounded, LABELS).loss == pytest.approx(measure(PROBABILITIES, LABELS).loss, rel=1e-6)


def test_confusion_has_true_classes_in_rows():
    assert confusion(PROBABILITIES, LABELS).tolist() == [
        [2, 1, 0, 0],
        [0, 1, 0, 0],
        [1, 0, 1, 0],
        [0, 0, 0, 0],
    ]


@pytest.mark.parametrize(("count", "expected"), [(0, []), (1, [5]), (2, [5, 2]), (10, [5, 2])])
def test_the_most_confident_mistake_comes_first(count, expected):
    assert most_confident_mistakes(PROBABILITIES, LABELS, count).tolist() == expected


def test_equally_confident_mistakes_keep_their_order():
    probabilities = np.tile(np.array([0.25, 0.75], np.float32), (5, 1))
    assert most_confident_mistakes(probabilities, np.array([0, 1, 0, 0, 1], np.uint8), 2).tolist() == [0, 2]


def test_no_mistakes_are_an_empty_list():
    right = PROBABILITIES.argmax(axis=1).astype(np.uint8)
    assert most_confident_mistakes(PROBABILITIES, right, 24).tolist() == []
