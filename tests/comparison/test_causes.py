"""Differences between two machines, and between versions of a record, without effect on the result."""

from typing import Any

import pytest

from mnist_resnet.comparison.causes import differences, environment_differences, likely_causes
from mnist_resnet.comparison.level import Level
from mnist_resnet.comparison.verdict import compare_runs
from tests.made_record import change, made, older_record, read

SWITCH, LIMIT, THREADS = "TF_ENABLE_ONEDNN_OPTS", "ONEDNN_MAX_CPU_ISA", "TF_NUM_INTRAOP_THREADS"
OLDER: dict[str, Any] = {"instruction_sets": ...}  # which were not recorded at first


def machine(variables: dict[str, str], **described: Any) -> Any:
    changes = [(f"environment/{name}", value) for name, value in described.items()]
    return made(("environment/variables", variables), *changes).environment


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        # As many threads by a variable as by cores are no difference.
        (machine({}), machine({THREADS: "2"}, usable_cores=8), []),
        (machine({}), machine({THREADS: "1"}), [THREADS]),
        # Nor is an equal level of oneDNN, by a variable or by the processor.
        (machine({}, instruction_sets=["avx2"]), machine({LIMIT: "AVX2"}), ["instruction sets"]),
        (machine({}), machine({LIMIT: "AVX2"}), [LIMIT]),
        (machine({}), machine({LIMIT: "AVX512_CORE_AMX"}), []),
        (machine({SWITCH: "0"}), machine({SWITCH: "1"}), [SWITCH]),
        # An older record does not tell what TensorFlow chose, which is known for the same processor.
        (machine({}, **OLDER), machine({SWITCH: "1"}, instruction_sets=["avx2", "avx512_vnni"]), []),
        (machine({}, **OLDER), machine({SWITCH: "1"}, instruction_sets=["avx2"]), [f"{SWITCH}: 0 → 1"]),
        (machine({}, **OLDER), machine({SWITCH: "1"}, processor="Another"), ["processor"]),
        (machine({SWITCH: "0"}, **OLDER), machine({SWITCH: "1"}), [SWITCH]),
        (machine({}, **OLDER), machine({SWITCH: "1"}, **OLDER), [SWITCH]),
    ],
)
def test_what_comes_to_the_same_is_no_difference(first: Any, second: Any, expected: list[str]) -> None:
    found = [cause.in_words() for cause in environment_differences(first, second)]
    assert len(found) == len(expected), found
    assert all(words in cause for words, cause in zip(expected, found, strict=True))


def test_a_precision_that_was_stated_or_chosen_is_no_difference() -> None:
    stated = made(("parameters/made/training/precision", "float32"))
    assert differences(made(), stated, "made") == ()
    other = made(("parameters/made/training/precision", "float32"), ("precision/made", "mixed_bfloat16"))
    assert [cause.kind for cause in differences(made(), other, "made")] == ["precision"]


def test_how_often_a_checkpoint_is_written_is_no_difference() -> None:
    assert differences(made(), made(("parameters/made/training/checkpoint_seconds", 7)), "made") == ()


def test_what_another_version_recorded_in_another_way_is_no_difference() -> None:
    assert differences(read(older_record()), made(), "made") == ()
    assert differences(made(), read(older_record()), "made") == ()
    other = change(older_record(), "parameters/made/model/variant", "resnet34")
    (cause,) = differences(read(other), made(), "made")
    assert cause.in_words() == "parameter made.model.architecture: resnet34 → resnet18"
    assert compare_runs(read(older_record()), made()).level == Level.BITWISE


def test_a_training_that_was_resumed_may_have_been_begun_by_anything() -> None:
    resumed = made(("resumed_epochs", {"made": 1}))
    (cause,) = differences(made(), resumed, "made")
    assert cause.in_words() == "resumed training: no → after epoch 1"
    assert likely_causes((cause,), "final_weights", "made") == (cause,)
    assert likely_causes((cause,), "split", "made") == ()
    assert len(differences(resumed, resumed, "made")) == 1


def test_a_source_that_changed_while_the_run_went_on_is_not_known() -> None:
    (cause,) = differences(made(), made(("source_changed", True)), "made")
    assert cause.in_words() == "commit: aaaa → unknown (files of the package changed after they were imported)"
