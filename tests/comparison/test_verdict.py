import numpy as np
import pytest

from mnist_resnet.comparison.outcome import Level, Tolerances
from mnist_resnet.comparison.record import UndecidableError
from mnist_resnet.comparison.verdict import Verdict, compare_runs
from mnist_resnet.evaluation.metrics import accuracy_interval
from tests.made_record import Record, change

STAGE = "namespaces/made/"
PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]], np.float32)


def diverged(record: Record) -> Record:
    """The record of a run whose training took another way, to the same accuracy."""
    for path, value in (
        (f"{STAGE}epochs/1/train_loss", 0.51),
        (f"{STAGE}final_weights/stem~kernel", "cccc"),
        (f"{STAGE}probabilities/sha256", "cccc"),
    ):
        record = change(record, path, value)
    return record


def judged(first: Record, second: Record, difference: float = 0.0, **options) -> Verdict:
    changed = PROBABILITIES + np.array([-difference, difference, 0.0], np.float32)
    return compare_runs(first, second, {"made": (PROBABILITIES, changed)}, **options)


def test_equal_runs_are_bitwise_the_same(record):
    verdict = compare_runs(record, change(record, "started", "later"))
    assert verdict.level == Level.BITWISE
    made = verdict.namespaces["made"]
    assert (made.level, made.first_difference, made.cause_in_words()) == (Level.BITWISE, None, "")
    assert made.parity.max_abs_diff == 0


def test_other_machines_that_compute_the_same_are_bitwise_the_same(record):
    verdict = compare_runs(record, change(record, "environment/processor", "Another processor"))
    assert verdict.level == Level.BITWISE
    assert [cause.in_words() for cause in verdict.namespaces["made"].other] == [
        "processor: A processor → Another processor"
    ]


def without_commit(record: Record, reason: str | None) -> Record:
    return change(change(record, "source", None), "source_missing_because", reason)


def test_a_run_without_a_commit_is_told_with_the_reason(record):
    without = without_commit(diverged(record), "git is not installed; install it")
    assert (
        "commit: aaaa → unknown (git is not installed; install it)"
        in judged(record, without).namespaces["made"].cause_in_words()
    )
    # The source may be another even where the reason is the same.
    both = judged(without_commit(record, "git is not installed; install it"), without)
    assert "commit: unknown (git is" in both.namespaces["made"].cause_in_words()


def test_a_run_without_a_commit_of_earlier_versions_has_no_reason(record):
    older = change(diverged(record), "source", None)
    assert "commit: aaaa → None" in judged(record, older).namespaces["made"].cause_in_words()


@pytest.mark.parametrize(
    ("difference", "level"), [(0.0, Level.NUMERIC), (9e-6, Level.NUMERIC), (2e-5, Level.STATISTICAL)]
)
def test_probabilities_within_tolerance_are_numerically_the_same(record, difference, level):
    assert judged(record, diverged(record), difference).level == level


def test_another_class_is_not_numerically_the_same(record):
    first = np.array([[0.500001, 0.499999, 0.0]], np.float32)
    verdict = compare_runs(record, diverged(record), {"made": (first, first[:, [1, 0, 2]])})
    assert verdict.namespaces["made"].parity.max_abs_diff < 1e-5
    assert verdict.level == Level.STATISTICAL


def test_probabilities_that_are_no_numbers_are_not_numerically_the_same(record):
    arrays = (PROBABILITIES, np.full_like(PROBABILITIES, np.nan))
    assert compare_runs(record, diverged(record), {"made": arrays}).level == Level.STATISTICAL


def test_the_tolerance_of_probabilities_can_be_given(record):
    assert judged(record, diverged(record), 2e-3, tolerances=Tolerances(probability=0.01)).level == Level.NUMERIC
    assert judged(record, diverged(record), 9e-6, tolerances=Tolerances(probability=1e-6)).level == Level.STATISTICAL


def test_accuracies_within_half_of_the_confidence_interval_are_statistically_the_same(record):
    low, high = accuracy_interval(900, 1000)
    for accuracy, level in ((0.9 + (high - low) / 2.1, Level.STATISTICAL), (0.9 + (high - low) / 1.9, Level.DIFFERENT)):
        second = change(diverged(record), f"{STAGE}metrics/test_accuracy", accuracy)
        assert judged(record, second, 0.1).level == level
        assert judged(record, second, 0.1).namespaces["made"].accuracy_tolerance == (high - low) / 2


def test_the_tolerance_of_accuracies_can_be_given(record):
    second = change(diverged(record), f"{STAGE}metrics/test_accuracy", 0.902)
    assert judged(record, second, 0.1, tolerances=Tolerances(accuracy=0.001)).level == Level.DIFFERENT
    assert judged(record, second, 0.1, tolerances=Tolerances(accuracy=0.003)).level == Level.STATISTICAL


def test_all_accuracies_count(record):
    first = change(record, f"{STAGE}metrics/int8_accuracy", 0.9)
    second = change(diverged(record), f"{STAGE}metrics/int8_accuracy", 0.5)
    assert judged(first, second, 0.1).level == Level.DIFFERENT


def test_equal_probabilities_of_other_labels_are_not_numerically_the_same(record):
    second = change(record, f"{STAGE}raw_data/test_images", "cccc")
    second = change(second, f"{STAGE}metrics/test_accuracy", 0.1)
    assert compare_runs(record, second).level == Level.DIFFERENT


def test_without_the_arrays_the_metrics_decide(record):
    verdict = compare_runs(record, diverged(record))
    assert verdict.level == Level.STATISTICAL
    assert verdict.namespaces["made"].parity is None


def test_without_an_outcome_what_differs_is_different(record):
    first, second = record, diverged(record)
    for stage in ("probabilities", "metrics"):
        del first["namespaces"]["made"][stage], second["namespaces"]["made"][stage]
    verdict = compare_runs(first, second)
    assert verdict.level == Level.DIFFERENT
    assert verdict.namespaces["made"].first_difference.label == "epoch 1"


def test_an_earlier_difference_with_the_same_outcome_is_numeric(record):
    verdict = compare_runs(record, change(record, f"{STAGE}export/graph", "cccc"))
    assert verdict.level == Level.NUMERIC
    assert verdict.namespaces["made"].parity.max_abs_diff == 0


def test_the_lowest_level_of_the_data_sets_is_the_verdict(record):
    two = change(record, "namespaces/other", record["namespaces"]["made"])
    two = change(two, "parameters/other", record["parameters"]["made"])
    verdict = judged(two, diverged(two), 0.1)
    assert {name: each.level for name, each in verdict.namespaces.items()} == {
        "made": Level.STATISTICAL,
        "other": Level.BITWISE,
    }
    assert verdict.level == Level.STATISTICAL


def test_a_data_set_of_one_run_only_is_named_without_a_verdict(record):
    two = change(record, "namespaces/other", record["namespaces"]["made"])
    verdict = compare_runs(record, two)
    assert (verdict.level, verdict.only_first, verdict.only_second) == (Level.BITWISE, (), ("other",))


def test_a_data_set_of_which_no_stage_is_shared_is_named_without_a_verdict(record):
    stages = record["namespaces"]["made"]
    first = change(record, "namespaces/other", {"split": stages["split"]})
    second = change(record, "namespaces/other", {"export": stages["export"]})
    verdict = compare_runs(first, second)
    assert list(verdict.namespaces) == ["made"]
    assert (verdict.only_first, verdict.only_second, verdict.nothing_shared) == ((), (), ("other",))


CAUSES = [
    ("raw_data/test_images", "parameters/datasets/made/files/train_images/sha256", "cccc", "parameter datasets.made"),
    ("split/train_images", "parameters/made/data/seed", 1, "seed made.data.seed: 0 → 1"),
    ("split/train_images", "environment/packages/scikit-learn", "1.9.0", "package scikit-learn: 1.8.0 → 1.9.0"),
    ("prepared_data/mean", "parameters/made/preprocessing/scaling", "unit", "parameter made.preprocessing.scaling"),
    ("initial_weights/stem~kernel", "parameters/made/training/seed", 1, "seed made.training.seed: 0 → 1"),
    (
        "initial_weights/stem~kernel",
        "parameters/made/model/architecture",
        "resnet34",
        "parameter made.model.architecture",
    ),
    ("initial_weights/stem~kernel", "environment/packages/keras", "3.16.0", "package keras: 3.15.1 → 3.16.0"),
    ("epochs/1", "parameters/made/training/learning_rate", 0.2, "parameter made.training.learning_rate: 0.1 → 0.2"),
    ("epochs/1", "parameters/made/training/deterministic", False, "determinism made.training.deterministic"),
    ("epochs/1", "environment/processor", "Another", "processor: A processor → Another"),
    ("epochs/1", "environment/usable_cores", 1, "threads usable_cores: 2 → 1"),
    ("epochs/1", "environment/variables/OMP_NUM_THREADS", "1", "variable OMP_NUM_THREADS: 2 → 1"),
    ("epochs/1", "environment/gpus", [{"name": "A GPU", "driver": "550"}], "GPU: none → A GPU; driver: none → 550"),
    ("epochs/1", "precision/made", "mixed_bfloat16", "precision made: float32 → mixed_bfloat16"),
    ("epochs/1", "environment/python", "3.12.1 CPython", "Python: 3.11.7 CPython → 3.12.1 CPython"),
    ("final_weights/stem~kernel", "source/commit", "cccc", "commit: aaaa → cccc"),
    ("final_weights/stem~kernel", "environment/lock_files/requirements.lock", "cccc", "lock file requirements.lock"),
    ("export/graph", "environment/packages/tf2onnx", "1.18.0", "package tf2onnx: 1.17.0 → 1.18.0"),
    ("export/graph", "parameters/made/export/opset", 18, "parameter made.export.opset: 17 → 18"),
    ("probabilities/sha256", "environment/packages/onnxruntime-gpu", "1.27.0", "package onnxruntime-gpu"),
    ("probabilities/sha256", "parameters/made/evaluation/batch_size", 7, "parameter made.evaluation.batch_size"),
    ("metrics/test_loss", "environment/packages/scikit-learn", "1.9.0", "package scikit-learn: 1.8.0 → 1.9.0"),
]


@pytest.mark.parametrize(("stage", "path", "value", "words"), CAUSES)
def test_the_likely_cause_of_the_first_difference_is_named(record, stage, path, value, words):
    second = change(change(record, f"{STAGE}{stage}", {} if stage == "epochs/1" else 0.0), path, value)
    made = compare_runs(record, second).namespaces["made"]
    assert made.first_difference.stage == stage.split("/")[0]
    assert made.cause_in_words().startswith(words)


@pytest.mark.parametrize("stage", ["raw_data/test_images", "split/train_images", "initial_weights/stem~kernel"])
def test_what_cannot_be_the_cause_is_told_apart(record, stage):
    second = change(change(record, f"{STAGE}{stage}", "cccc"), "environment/packages/rich", "15.0")
    second = change(second, "parameters/made/evaluation/batch_size", 7)
    made = compare_runs(record, second).namespaces["made"]
    assert made.likely == ()
    assert {cause.name for cause in made.other} == {"rich", "made.evaluation.batch_size"}


def test_parameters_of_another_data_set_are_no_cause(record):
    first = change(record, "parameters/other", {"training": {"seed": 0}})
    second = change(diverged(record), "parameters/other", {"training": {"seed": 1}})
    made = compare_runs(first, second).namespaces["made"]
    assert made.likely + made.other == ()


@pytest.mark.parametrize("deterministic", [True, False])
def test_without_a_recorded_cause_chance_is_named_with_the_flag(record, deterministic):
    first = change(record, "parameters/made/training/deterministic", deterministic)
    words = compare_runs(first, diverged(first)).namespaces["made"].cause_in_words()
    assert words.startswith("nothing recorded explains it")
    assert f"training.deterministic is {str(deterministic).lower()}" in words


PATCH = {"file": "uncommitted.patch", "sha256": "f" * 64, "size": 1234, "left_out": []}


@pytest.mark.parametrize(
    ("patch", "words"), [(PATCH, "patch: none → ffffffffffff (1234 bytes)"), (None, "patch: none → unknown")]
)
def test_uncommitted_changes_are_a_cause(record, patch, words):
    second = change(diverged(record), "source", {"commit": "aaaa", "dirty": True, "patch": patch})
    assert compare_runs(record, second).namespaces["made"].cause_in_words() == words


def test_changes_that_were_too_large_to_be_recorded_may_be_a_cause_on_both_sides(record):
    too_large = {"commit": "aaaa", "dirty": True, "patch": PATCH | {"sha256": None}}
    first, second = (change(each, "source", too_large) for each in (record, diverged(record)))
    assert compare_runs(first, second).namespaces["made"].cause_in_words() == "patch: unknown → unknown"


def test_runs_outside_a_repository_can_be_compared(record):
    assert compare_runs(change(record, "source", None), record).level == Level.BITWISE


def test_runs_of_different_stages_cannot_be_compared(record):
    stages = record["namespaces"]["made"]
    first = change(record, "namespaces/made", {"split": stages["split"]})
    second = change(record, "namespaces/made", {"export": stages["export"]})
    with pytest.raises(UndecidableError, match="no stage of any data set in common"):
        compare_runs(first, second)


def test_runs_of_different_data_sets_cannot_be_compared(record):
    second = change(record, "namespaces", {"other": record["namespaces"]["made"]})
    with pytest.raises(UndecidableError, match="no stage of any data set in common"):
        compare_runs(record, second)
