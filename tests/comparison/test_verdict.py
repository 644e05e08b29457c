from typing import Any

import numpy as np
import pytest

from mnist_resnet.comparison.level import Level, Tolerances
from mnist_resnet.comparison.verdict import NamespaceVerdict, UndecidableError, Verdict, compare_runs
from mnist_resnet.evaluation.metrics import accuracy_interval
from mnist_resnet.provenance.record import Provenance
from tests.made_record import made, made_record

STEP = "namespaces/made/"
RECORDED = made_record()["namespaces"]["made"]
PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]], np.float32)
# Training took another way, to the same accuracy.
DIVERGED = (
    (f"{STEP}epochs/1/train_loss", 0.51),
    (f"{STEP}final_weights/stem~kernel", "cccc"),
    (f"{STEP}probabilities/sha256", "cccc"),
)


def diverged(*changes: tuple[str, Any]) -> Provenance:
    return made(*DIVERGED, *changes)


def judged(first: Provenance, second: Provenance, difference: float = 0.0, **options: Any) -> Verdict:
    changed = PROBABILITIES + np.array([-difference, difference, 0.0], np.float32)
    return compare_runs(first, second, {"made": (PROBABILITIES, changed)}, **options)


def of_made(first: Provenance, second: Provenance) -> NamespaceVerdict:
    return compare_runs(first, second).namespaces["made"]


def test_equal_runs_are_bitwise_the_same():
    verdict = of_made(made(), made(("started", "later")))
    assert (verdict.level, verdict.first_difference, verdict.cause_in_words()) == (Level.BITWISE, None, "")
    assert verdict.parity.max_abs_diff == 0


def test_other_machines_that_compute_the_same_are_bitwise_the_same():
    verdict = of_made(made(), made(("environment/processor", "Another processor")))
    assert verdict.level == Level.BITWISE
    assert [cause.in_words() for cause in verdict.other] == ["processor: A processor → Another processor"]


@pytest.mark.parametrize(
    ("difference", "tolerance", "level"),
    [
        (0.0, 1e-5, Level.NUMERIC),
        (9e-6, 1e-5, Level.NUMERIC),
        (2e-5, 1e-5, Level.STATISTICAL),
        (9e-6, 1e-6, Level.STATISTICAL),
        (2e-3, 0.01, Level.NUMERIC),
    ],
)
def test_probabilities_within_tolerance_are_numerically_the_same(difference, tolerance, level):
    assert judged(made(), diverged(), difference, tolerances=Tolerances(probability=tolerance)).level == level
    assert Tolerances().probability == 1e-5


def test_another_class_is_not_numerically_the_same():
    first = np.array([[0.500001, 0.499999, 0.0]], np.float32)
    verdict = compare_runs(made(), diverged(), {"made": (first, first[:, [1, 0, 2]])})
    assert verdict.namespaces["made"].parity.max_abs_diff < 1e-5
    assert verdict.level == Level.STATISTICAL


def test_probabilities_that_are_no_numbers_are_not_numerically_the_same():
    arrays = (PROBABILITIES, np.full_like(PROBABILITIES, np.nan))
    assert compare_runs(made(), diverged(), {"made": arrays}).level == Level.STATISTICAL


LOW, HIGH = accuracy_interval(900, 1000)
HALF = (HIGH - LOW) / 2


@pytest.mark.parametrize(
    ("accuracy", "tolerance", "level"),
    [
        (0.9 + 0.9 * HALF, None, Level.STATISTICAL),
        (0.9 + 1.1 * HALF, None, Level.DIFFERENT),
        (0.902, 0.001, Level.DIFFERENT),
        (0.902, 0.003, Level.STATISTICAL),
    ],
)
def test_accuracies_within_half_of_the_confidence_interval_or_a_given_tolerance_are_the_same(
    accuracy, tolerance, level
):
    second = diverged((f"{STEP}metrics/test_accuracy", accuracy))
    verdict = judged(made(), second, 0.1, tolerances=Tolerances(accuracy=tolerance))
    assert verdict.level == level
    assert verdict.namespaces["made"].accuracy_tolerance == (tolerance or HALF)


def test_all_accuracies_count():
    first, second = made((f"{STEP}metrics/int8_accuracy", 0.9)), diverged((f"{STEP}metrics/int8_accuracy", 0.5))
    assert judged(first, second, 0.1).level == Level.DIFFERENT


def test_that_on_perturbed_images_counts_by_a_given_tolerance_only():
    key = f"{STEP}metrics/mean_perturbed_accuracy"
    first, second = made((key, 0.82)), diverged((key, 0.80))
    assert judged(first, second, 0.1).level == Level.STATISTICAL
    assert judged(first, second, 0.1, tolerances=Tolerances(accuracy=0.01)).level == Level.DIFFERENT


NO_OUTCOME = ((f"{STEP}probabilities", ...), (f"{STEP}metrics", ...))
OTHER_LABELS = ((f"{STEP}raw_data/test_images", "cccc"), (f"{STEP}metrics/test_accuracy", 0.1))


@pytest.mark.parametrize(
    ("both", "second", "level", "largest", "label"),
    [
        # The metrics decide.
        ((), DIVERGED, Level.STATISTICAL, None, "epoch 1"),
        # Without an outcome, what differs is different.
        (NO_OUTCOME, DIVERGED, Level.DIFFERENT, None, "epoch 1"),
        # Equal digests are equal probabilities, which say nothing where other labels give another accuracy.
        ((), ((f"{STEP}export/graph", "cccc"),), Level.NUMERIC, 0, "export"),
        ((), OTHER_LABELS, Level.DIFFERENT, 0, "raw data"),
    ],
)
def test_without_the_arrays_digests_and_metrics_decide(both, second, level, largest, label):
    verdict = of_made(made(*both), made(*second, *both))
    assert (verdict.level, verdict.first_difference.label) == (level, label)
    assert (verdict.parity and verdict.parity.max_abs_diff) == largest


def test_the_lowest_level_of_the_data_sets_is_the_verdict():
    other = ("namespaces/other", RECORDED), ("parameters/other", made_record()["parameters"]["made"])
    verdict = judged(made(*other), diverged(*other), 0.1)
    levels = {name: each.level for name, each in verdict.namespaces.items()}
    assert levels == {"made": Level.STATISTICAL, "other": Level.BITWISE}
    assert verdict.level == Level.STATISTICAL


def test_a_data_set_of_one_run_only_is_named_without_a_verdict():
    verdict = compare_runs(made(), made(("namespaces/other", RECORDED)))
    assert (verdict.level, verdict.only_first, verdict.only_second) == (Level.BITWISE, (), ("other",))


def test_a_data_set_of_which_no_step_is_shared_is_named_without_a_verdict():
    first, second = (made(("namespaces/other", {step: RECORDED[step]})) for step in ("split", "export"))
    verdict = compare_runs(first, second)
    assert list(verdict.namespaces) == ["made"]
    assert (verdict.only_first, verdict.only_second, verdict.nothing_shared) == ((), (), ("other",))


PATCH = {"file": "uncommitted.patch", "sha256": "f" * 64, "size": 1234, "left_out": []}


def dirty(patch: Any) -> dict[str, Any]:
    return {"commit": "aaaa", "dirty": True, "patch": patch}


CAUSES = [
    ("raw_data/test_images", "parameters/datasets/made/files/train_images/sha256", "cccc", "parameter datasets.made"),
    ("split/train_images", "parameters/made/data/seed", 1, "seed made.data.seed: 0 → 1"),
    ("split/train_images", "environment/packages/scikit-learn", "1.9.0", "package scikit-learn: 1.8.0 → 1.9.0"),
    ("prepared_data/mean", "parameters/made/preprocessing/scaling", "unit", "parameter made.preprocessing.scaling"),
    ("initial_weights/stem~kernel", "parameters/made/training/seed", 1, "seed made.training.seed: 0 → 1"),
    ("initial_weights/a", "parameters/made/model/architecture", "resnet34", "parameter made.model.architecture"),
    ("initial_weights/stem~kernel", "environment/packages/keras", "3.16.0", "package keras: 3.15.1 → 3.16.0"),
    ("epochs/1", "parameters/made/training/learning_rate", 0.2, "parameter made.training.learning_rate: 0.1 → 0.2"),
    ("epochs/1", "parameters/made/training/deterministic", False, "determinism made.training.deterministic"),
    ("epochs/1", "environment/processor", "Another", "processor: A processor → Another"),
    ("epochs/1", "environment/usable_cores", 1, "threads usable_cores: 2 → 1"),
    ("epochs/1", "environment/variables/OMP_NUM_THREADS", "1", "variable OMP_NUM_THREADS: 2 → 1"),
    ("epochs/1", "environment/gpus", [{"name": "A GPU", "driver": "550"}], "GPU: none → A GPU; driver: none → 550"),
    ("epochs/1", "precision/made", "mixed_bfloat16", "precision made: float32 → mixed_bfloat16"),
    ("epochs/1", "training_devices/made/name", "Another", "training device: a made GPU by tensorflow, with TF32, det"),
    ("initial_weights/a", "training_devices/made/backend", "jax", "training device: a made GPU by tensorflow"),
    ("epochs/1", "environment/python", "3.12.1 CPython", "Python: 3.11.7 CPython → 3.12.1 CPython"),
    ("final_weights/stem~kernel", "source/commit", "cccc", "commit: aaaa → cccc"),
    ("final_weights/stem~kernel", "source", dirty(PATCH), "patch: none → ffffffffffff (1234 bytes)"),
    ("final_weights/stem~kernel", "source", dirty(None), "patch: none → unknown"),
    ("final_weights/stem~kernel", "source", None, "commit: aaaa → unknown"),
    ("final_weights/stem~kernel", "environment/lock_files/requirements.lock", "cccc", "lock file requirements.lock"),
    ("export/graph", "environment/packages/tf2onnx", "1.18.0", "package tf2onnx: 1.17.0 → 1.18.0"),
    ("export/graph", "parameters/made/export/opset", 18, "parameter made.export.opset: 17 → 18"),
    ("probabilities/sha256", "environment/packages/onnxruntime-gpu", "1.27.0", "package onnxruntime-gpu"),
    ("probabilities/sha256", "parameters/made/evaluation/batch_size", 7, "parameter made.evaluation.batch_size"),
    ("metrics/test_loss", "environment/packages/scikit-learn", "1.9.0", "package scikit-learn: 1.8.0 → 1.9.0"),
    ("metrics/test_loss", "parameters/made/evaluation/robustness", {"seed": 1}, "seed made.evaluation.robustness.seed"),
    ("metrics/test_loss", "environment/packages/onnxruntime-gpu", "1.27.0", "package onnxruntime-gpu"),
    ("epochs/1", "parameters/made/data/shard_images", 4096, "parameter made.data.shard_images: None → 4096"),
    ("initial_weights/a", "parameters/datasets/made/class_names", ["a"], "parameter datasets.made.class_names"),
]
OTHER_VALUES = {"epochs/1": {}, "prepared_data/mean": 0.0, "metrics/test_loss": 0.0}


@pytest.mark.parametrize(("step", "path", "value", "words"), CAUSES)
def test_the_likely_cause_of_the_first_difference_is_named(step, path, value, words):
    verdict = of_made(made(), made((f"{STEP}{step}", OTHER_VALUES.get(step, "cccc")), (path, value)))
    assert verdict.first_difference.name == step.split("/")[0]
    assert verdict.cause_in_words().startswith(words)


def test_a_run_that_did_not_train_has_no_other_precision():
    verdict = of_made(made(), made(("precision", {}), ("training_devices", {})))
    assert (verdict.level, verdict.other) == (Level.BITWISE, ())


NO_GIT = (("source", None), ("source_missing_because", "git is not installed; install it"))
TOO_LARGE = (("source", dirty(PATCH | {"sha256": None})),)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (NO_GIT, "commit: unknown (git is not installed; install it) → unknown (git is"),
        (TOO_LARGE, "patch: unknown → unknown"),
    ],
)
def test_a_source_that_is_not_known_may_be_the_cause_also_where_both_are_unknown(source, words):
    assert words in of_made(made(*source), diverged(*source)).cause_in_words()
    assert of_made(made(*source), made()).level == Level.BITWISE


@pytest.mark.parametrize("step", ["raw_data/test_images", "split/train_images", "initial_weights/stem~kernel"])
def test_what_cannot_be_the_cause_is_told_apart(step):
    others = (("environment/packages/rich", "15.0"), ("parameters/made/evaluation/batch_size", 7))
    verdict = of_made(made(), made((f"{STEP}{step}", "cccc"), *others))
    assert verdict.likely == ()
    assert {cause.name for cause in verdict.other} == {"rich", "made.evaluation.batch_size"}


def test_parameters_of_another_data_set_are_no_cause():
    first = made(("parameters/other", {"training": {"seed": 0}}))
    verdict = of_made(first, diverged(("parameters/other", {"training": {"seed": 1}})))
    assert verdict.likely + verdict.other == ()


@pytest.mark.parametrize("deterministic", [True, False])
def test_without_a_recorded_cause_chance_is_named_with_the_flag(deterministic):
    asked = ("parameters/made/training/deterministic", deterministic)
    words = of_made(made(asked), diverged(asked)).cause_in_words()
    assert words.startswith("nothing recorded explains it")
    assert f"training.deterministic is {str(deterministic).lower()}" in words


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("namespaces/made", {"split": RECORDED["split"]}), ("namespaces/made", {"export": RECORDED["export"]})),
        (("started", ""), ("namespaces", {"other": RECORDED})),
    ],
    ids=["other steps", "other data sets"],
)
def test_runs_that_have_nothing_in_common_cannot_be_compared(first, second):
    with pytest.raises(UndecidableError, match="no step of any data set in common"):
        compare_runs(made(first), made(second))
