import json
from dataclasses import asdict, replace
from hashlib import sha256
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from mnist_resnet.evaluation.agreement import measure_agreement
from mnist_resnet.evaluation.calibration import measure_calibration
from mnist_resnet.evaluation.metrics import Probabilities, accuracy_interval, measure
from mnist_resnet.evaluation.results import Evaluation, FileResult, evaluate_file
from mnist_resnet.evaluation.robustness import summarize
from mnist_resnet.evaluation.variant_check import VariantCheck
from tests.made_model import CLASS_NAMES, bright_half, halves_model

MODEL = halves_model({"opset": "17"})
PARITY = {"savedmodel_max_abs_diff": 1.5e-7, "onnx_max_abs_diff": 2.5e-7, "argmax_agreement": 1.0}
IMAGES = np.stack([bright_half("left"), bright_half("right"), np.zeros((8, 8), np.uint8), bright_half("right")])
LABELS = np.array([0, 1, 2, 0], np.uint8)  # the last is wrong: accuracy 0.75
RIGHT = np.arange(4)[:, np.newaxis] < [3, 2, 1, 3]
ROBUSTNESS = summarize(RIGHT[:, 0], {"blur": {"1": RIGHT[:, 1], "2": RIGHT[:, 2]}, "shift": {"1": RIGHT[:, 3]}})


@pytest.fixture
def evaluated(evaluation_parameters) -> tuple[Probabilities, FileResult]:
    return evaluate_file("model.onnx", MODEL, IMAGES, LABELS, evaluation_parameters, PARITY)


@pytest.fixture
def evaluation(evaluated) -> Evaluation:
    probabilities, fp32 = evaluated
    int8 = replace(fp32, file="variants/model.int8.onnx", accuracy=0.5, parity={})
    return Evaluation(
        dataset="made",
        recipe="smoke",
        images=4,
        class_names=CLASS_NAMES,
        training_images=(1, 3, 0),
        variants={"fp32": fp32, "int8": int8},
        variant_checks=[VariantCheck("int8", published=True, reason="good", size_ratio=0.25)],
        agreement=measure_agreement({"keras": probabilities, "fp32": probabilities, "int8": probabilities}),
        robustness=ROBUSTNESS,
    )


@pytest.fixture
def written(evaluation) -> dict[str, Any]:
    return TypeAdapter(Evaluation).dump_python(evaluation, mode="json", warnings="error")


def test_the_whole_has_its_keys(written):
    expected = {"schema": 1, "dataset": "made", "recipe": "smoke", "images": 4}
    assert expected.items() <= written.items()
    assert written["class_names"] == ["left", "right", "dark"]
    assert written["training_images"] == [1, 3, 0]
    others = {"class_names", "training_images", "variants", "variant_checks", "agreement", "robustness"}
    assert set(written) == {*expected, *others}
    assert written["agreement"]["keras"]["fp32"] == {"max_abs_diff": 0.0, "argmax_agreement": 1.0}
    assert set(written["variants"]) == {"fp32", "int8"}
    assert written["robustness"] == {
        "images": 4,
        "untouched": 0.75,
        "untouched_interval": list(accuracy_interval(3, 4)),
        "perturbed": {"blur": {"1": 0.5, "2": 0.25}, "shift": {"1": 0.75}},
        "perturbed_intervals": {
            "blur": {"1": list(accuracy_interval(2, 4)), "2": list(accuracy_interval(1, 4))},
            "shift": {"1": list(accuracy_interval(3, 4))},
        },
        "mean_perturbed": 0.5,
        "mean_perturbed_interval": list(ROBUSTNESS.mean_perturbed_interval),
    }


def test_an_exported_file_has_its_keys(written, evaluated):
    probabilities, fp32 = evaluated
    metrics = measure(probabilities, LABELS)
    assert written["variants"]["fp32"] == {
        "file": "model.onnx",
        "model_sha256": sha256(MODEL).hexdigest(),
        "metadata": {"opset": 17},
        "provider": "CPUExecutionProvider",
        "providers_asked": ["CPUExecutionProvider"],
        "provider_options": {},
        "threads": fp32.threads,
        "accuracy": 0.75,
        "accuracy_interval": list(accuracy_interval(3, 4)),
        "loss": metrics.loss,
        "per_class": {label: asdict(values) for label, values in metrics.per_class.items()},
        "parity": PARITY,
        "expected_calibration_error": measure_calibration(probabilities, LABELS).expected_calibration_error,
        "latency_ms": {"1": fp32.latency_ms["1"]},
        "throughput_images_per_s": {"8": fp32.throughput_images_per_s["8"]},
    }
    assert list(fp32.latency_ms["1"]) == ["p50", "p95", "p99"]
    assert "parity" not in written["variants"]["int8"]


def test_classes_are_keyed_by_label(written):
    per_class = written["variants"]["fp32"]["per_class"]
    assert list(per_class) == ["0", "1", "2"]
    assert per_class["1"] == pytest.approx({"precision": 0.5, "recall": 1.0, "f1": 2 / 3, "support": 1})


def test_it_comes_back_from_json(written, evaluation):
    assert TypeAdapter(Evaluation).validate_python(json.loads(json.dumps(written, allow_nan=False))) == evaluation


def test_what_earlier_versions_did_not_measure_of_variants_is_absent(written):
    written["variant_checks"] = [
        {"name": "int8", "published": True, "reason": "good", "validation_accuracy": 0.9, "tried": {"minmax": 0.9}}
    ]
    (check,) = TypeAdapter(Evaluation).validate_python(written).variant_checks
    assert (check.size_ratio, check.speed_ratios, check.kernels) == (None, {}, None)


def test_of_fp32_the_headline_has_plain_names_of_others_their_own(evaluation):
    figures, fp32 = evaluation.headline(), evaluation.fp32
    assert figures["mean_perturbed_accuracy"] == 0.5
    assert (figures["test_accuracy"], figures["int8_test_accuracy"]) == (0.75, 0.5)
    assert (figures["test_loss"], figures["p50_batch_1_ms"]) == (fp32.loss, fp32.latency_ms["1"]["p50"])
    assert figures["int8_images_per_s_batch_8"] == fp32.throughput_images_per_s["8"]


def test_the_largest_difference_from_keras_is_that_of_all_formats(evaluation):
    assert evaluation.fp32.max_abs_diff == 2.5e-7


def test_figures_that_people_compare_are_grouped_but_for_the_quality_of_fp32(evaluation):
    figures, fp32 = evaluation.figures(), evaluation.fp32
    assert {name for name in figures if "/" not in name} == {
        *("test_accuracy", "test_accuracy_low", "test_accuracy_high", "test_loss", "expected_calibration_error"),
        *("mean_perturbed_accuracy", "mean_perturbed_accuracy_low", "mean_perturbed_accuracy_high"),
    }
    assert (figures["test_accuracy_low"], figures["test_accuracy_high"]) == fp32.accuracy_interval
    assert figures["mean_perturbed_accuracy_low"] == ROBUSTNESS.mean_perturbed_interval[0]
    assert figures["speed/p50_batch_1_ms"] == fp32.latency_ms["1"]["p50"]
    assert (figures["int8/test_accuracy"], figures["int8/argmax_agreement"]) == (0.5, 1.0)
    assert figures["int8/size_ratio"] == 0.25
    assert figures["int8/images_per_s_batch_8"] == fp32.throughput_images_per_s["8"]


def test_a_variant_whose_size_an_earlier_version_did_not_measure_has_no_such_figure(evaluation):
    unmeasured = replace(evaluation, variant_checks=[VariantCheck("int8", published=True, reason="good")])
    assert evaluation.figures().keys() - unmeasured.figures().keys() == {"int8/size_ratio"}
