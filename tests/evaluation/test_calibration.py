import json
from dataclasses import asdict

import numpy as np
import pytest

from mnist_resnet.evaluation.calibration import BINS, measure_calibration
from mnist_resnet.evaluation.metrics import accuracy_interval


def answers(confidence: np.ndarray, correct: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of three classes, with the first one the most probable, and labels."""
    confidence = np.asarray(confidence, np.float32)
    rest = (1 - confidence) / 2
    return np.stack([confidence, rest, rest], axis=1), np.where(correct, 0, 1).astype(np.uint8)


def test_the_error_and_the_curve_of_a_small_example():
    confidence = [0.9, 0.9, 0.9, 0.9, 0.75, 0.71, 0.5]
    calibration = measure_calibration(*answers(confidence, [True, True, True, False, True, False, True]))
    # The bins are 1/15 wide: 0.9 is in the fourteenth, 0.75 in the twelfth, 0.71 in the eleventh.
    figures = [(entry.images, entry.confidence, entry.accuracy) for entry in calibration.bins]
    expected = [(1, 0.5, 1.0), (1, 0.71, 0.0), (1, 0.75, 1.0), (4, 0.9, 0.75)]
    # Confidences are float32, exact to 6e-8 of themselves.
    np.testing.assert_allclose(figures, expected, rtol=1e-7)
    # Guo et al. 2017, equation 3: the sum over the bins of their share times |accuracy - confidence|.
    error = (1 * 0.5 + 1 * 0.71 + 1 * 0.25 + 4 * 0.15) / 7
    assert calibration.expected_calibration_error == pytest.approx(error, rel=1e-6)


def test_bins_are_of_equal_width_and_hold_what_they_say():
    generator = np.random.default_rng(0)
    confidence = generator.uniform(0.34, 1, 2000)
    calibration = measure_calibration(*answers(confidence, generator.random(2000) < 0.5))
    assert sum(entry.images for entry in calibration.bins) == 2000
    for entry in calibration.bins:
        assert entry.upper - entry.lower == pytest.approx(1 / BINS)
        assert entry.lower < entry.confidence <= entry.upper
        assert entry.accuracy_interval == accuracy_interval(round(entry.accuracy * entry.images), entry.images)


def test_right_as_often_as_it_says_is_nearly_no_error():
    generator = np.random.default_rng(0)
    confidence = generator.uniform(0.34, 1, 100_000)
    right = measure_calibration(*answers(confidence, generator.random(100_000) < confidence))
    # The mean of ten bins' |errors| of chance; each has a standard deviation of at most 0.5 / sqrt(10,000).
    assert right.expected_calibration_error < 0.005
    overconfident = measure_calibration(*answers(confidence, generator.random(100_000) < confidence - 0.2))
    assert overconfident.expected_calibration_error == pytest.approx(0.2, abs=0.01)


def test_sure_and_right_is_no_error_and_sure_and_wrong_the_whole():
    sure, labels = np.eye(3, dtype=np.float32), np.arange(3, dtype=np.uint8)
    assert measure_calibration(sure, labels).expected_calibration_error == 0
    assert measure_calibration(sure, (labels + 1) % 3).expected_calibration_error == 1


def test_a_confidence_on_an_edge_counts_in_the_lower_bin():
    # 0.6 is the edge between the ninth and the tenth of fifteen bins, and float64 can hold numpy's edge exactly.
    edge = np.linspace(0, 1, BINS + 1)[9]
    calibration = measure_calibration(np.array([[edge, 1 - edge]]), np.array([0], np.uint8))
    (entry,) = calibration.bins
    assert (entry.upper, entry.confidence, entry.images) == (edge, edge, 1)


def test_a_probability_rounded_above_one_is_no_fault():
    probabilities = np.array([[np.nextafter(np.float32(1), np.float32(2)), 0]], np.float32)
    assert measure_calibration(probabilities, np.array([0], np.uint8)).expected_calibration_error == 0


def test_a_calibration_is_plain_and_survives_json():
    written = asdict(measure_calibration(*answers([0.9, 0.5], [True, False])))
    read = json.loads(json.dumps(written, allow_nan=False))
    assert read["expected_calibration_error"] == written["expected_calibration_error"]
    assert [entry["images"] for entry in read["bins"]] == [1, 1]
    assert set(read["bins"][0]) == {"lower", "upper", "images", "confidence", "accuracy", "accuracy_interval"}
