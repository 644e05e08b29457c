import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mnist_resnet.evaluation.agreement import agreement
from mnist_resnet.evaluation.calibration import measure_calibration
from mnist_resnet.evaluation.latency import Speed
from mnist_resnet.evaluation.metrics import accuracy_interval, measure
from mnist_resnet.evaluation.results import evaluation_results, headline, variant_results
from mnist_resnet.evaluation.robustness import summarize

DIGEST = "0123456789abcdef" * 4
SPEED = Speed({"1": {"p50": 1.25, "p95": 2.5, "p99": 3.75}}, {"32": 12345.6, "256": 23456.7})
PARITY = {"savedmodel_max_abs_diff": 1.5e-7, "onnx_max_abs_diff": 2.5e-7, "argmax_agreement": 1.0}
PROBABILITIES = np.array([[0.8, 0.1, 0.1], [0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]], np.float32)
TRAINING_LABELS = np.array([1, 0, 1, 1], np.uint8)
RIGHT = np.arange(4)[:, np.newaxis] < [3, 2, 1, 3]
ROBUSTNESS = summarize(RIGHT[:, 0], {"blur": {"1": RIGHT[:, 1], "2": RIGHT[:, 2]}, "shift": {"1": RIGHT[:, 3]}})


@pytest.fixture
def fp32(made_data) -> dict[str, Any]:
    """Three of four images are right: accuracy 0.75."""
    labels = np.array([0, 1, 1, 2], np.uint8)
    session = SimpleNamespace(
        metadata={"opset": 17},
        provider="CPUExecutionProvider",
        providers_asked=("CUDAExecutionProvider", "CPUExecutionProvider"),
        provider_options={},
        threads=2,
    )
    metrics = measure(PROBABILITIES, labels, made_data.dataset.class_names)
    return variant_results("model.onnx", DIGEST, session, metrics, measure_calibration(PROBABILITIES, labels), SPEED)


@pytest.fixture
def evaluation(made_data, fp32) -> dict[str, Any]:
    forms = agreement({"keras": PROBABILITIES, "fp32": PROBABILITIES})
    return evaluation_results(
        "made", "smoke", made_data.dataset, {"fp32": fp32}, PARITY, [], forms, ROBUSTNESS, TRAINING_LABELS
    )


def test_the_whole_has_its_keys(evaluation):
    expected = {"schema": 1, "dataset": "made", "recipe": "smoke", "images": 4, "variant_checks": []}
    assert expected.items() <= evaluation.items()
    assert evaluation["class_names"] == ["left", "right", "below"]
    assert evaluation["training_images"] == [1, 3, 0]
    assert set(evaluation) == {*expected, "class_names", "training_images", "variants", "agreement", "robustness"}
    assert set(evaluation["variants"]) == {"fp32"}
    assert evaluation["robustness"] == {
        "images": 4,
        "untouched": 0.75,
        "untouched_interval": list(accuracy_interval(3, 4)),
        "perturbed": {"blur": {"1": 0.5, "2": 0.25}, "shift": {"1": 0.75}},
        "perturbed_intervals": {
            "blur": {"1": list(accuracy_interval(2, 4)), "2": list(accuracy_interval(1, 4))},
            "shift": {"1": list(accuracy_interval(3, 4))},
        },
        "mean_perturbed": 0.5,
        "mean_perturbed_interval": ROBUSTNESS.mean_perturbed_interval,
    }


def test_an_exported_file_has_its_keys(evaluation):
    assert evaluation["variants"]["fp32"] == {
        "file": "model.onnx",
        "model_sha256": DIGEST,
        "metadata": {"opset": 17},
        "provider": "CPUExecutionProvider",
        "providers_asked": ["CUDAExecutionProvider", "CPUExecutionProvider"],
        "provider_options": {},
        "threads": 2,
        "accuracy": 0.75,
        "accuracy_interval": list(accuracy_interval(3, 4)),
        "loss": pytest.approx(-np.log([0.8, 0.2, 0.8, 0.8]).mean()),
        "per_class": evaluation["variants"]["fp32"]["per_class"],
        "parity": PARITY,
        "expected_calibration_error": pytest.approx((3 * 0.2 + 0.7) / 4),
        "latency_ms": {"1": {"p50": 1.25, "p95": 2.5, "p99": 3.75}},
        "throughput_images_per_s": {"32": 12345.6, "256": 23456.7},
    }


def test_classes_are_keyed_by_label(fp32):
    assert list(fp32["per_class"]) == ["0", "1", "2"]
    assert fp32["per_class"]["1"] == pytest.approx({"precision": 1.0, "recall": 0.5, "f1": 2 / 3, "support": 2})


def test_it_survives_json(evaluation):
    assert json.loads(json.dumps(evaluation, allow_nan=False)) == evaluation


def test_of_fp32_the_headline_has_plain_names_of_others_their_own(fp32):
    figures = headline({"fp32": fp32, "int8": fp32 | {"accuracy": 0.5}}, ROBUSTNESS)
    assert figures["mean_perturbed_accuracy"] == 0.5
    assert (figures["test_accuracy"], figures["int8_test_accuracy"]) == (0.75, 0.5)
    assert (figures["p50_batch_1_ms"], figures["int8_images_per_s_batch_256"]) == (1.25, 23456.7)
