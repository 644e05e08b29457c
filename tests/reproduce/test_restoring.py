from typing import Any

import pytest

from mnist_resnet.comparison.causes import differences
from mnist_resnet.reproduce.preflight import Status
from mnist_resnet.reproduce.restoring import check_precision, restored_variables, with_recorded_precision
from tests.made_record import Record, change

AVX2, AVX512, BFLOAT16 = ["avx2"], ["avx2", "avx512f"], ["avx2", "avx512f", "avx512_vnni", "avx512_bf16"]


def machine(record: Record, **described: Any) -> Record:
    """The record as another machine would have made it."""
    changed = change(record, "environment/variables", {})
    for name, value in described.items():
        changed = change(changed, f"environment/{name}", value)
    return changed


def restored(record: Record, own: dict[str, str] | None = None, **here: Any) -> dict[str, str]:
    return restored_variables(record, machine(record, **here)["environment"], own or {})


def test_the_same_machine_needs_nothing(record: Record) -> None:
    assert restored(machine(record)) == {}


@pytest.mark.parametrize("cores", [1, 4, 64])
def test_as_many_threads_are_set_as_the_recorded_machine_had_cores(record: Record, cores: int) -> None:
    assert restored(machine(record), usable_cores=cores) == {"TF_NUM_INTRAOP_THREADS": "2"}


def test_a_number_of_threads_that_was_set_is_set_again(record: Record) -> None:
    recorded = machine(record, variables={"TF_NUM_INTRAOP_THREADS": "3"})
    assert restored(recorded) == {"TF_NUM_INTRAOP_THREADS": "3"}


def test_the_users_own_setting_wins(record: Record) -> None:
    own = {"TF_NUM_INTRAOP_THREADS": "8", "ONEDNN_MAX_CPU_ISA": "AVX512_CORE", "TF_ENABLE_ONEDNN_OPTS": "0"}
    recorded = machine(record, variables={"TF_ENABLE_ONEDNN_OPTS": "1"}, instruction_sets=AVX2)
    assert restored(recorded, own, usable_cores=1, instruction_sets=AVX512) == {}


def test_jax_has_threads_of_its_own(record: Record) -> None:
    recorded = machine(record, variables={"KERAS_BACKEND": "jax"})
    assert restored(recorded, usable_cores=1) == {"KERAS_BACKEND": "jax"}


def test_only_variables_that_say_how_to_compute_are_set_again(record: Record) -> None:
    computing = {"TF_ENABLE_ONEDNN_OPTS": "0", "OMP_NUM_THREADS": "2", "PYTHONHASHSEED": "0"}
    recorded = machine(record, variables={**computing, "CUDA_VISIBLE_DEVICES": "3", "XLA_FLAGS": "--xla_dump_to=/x"})
    assert restored(recorded) == computing


@pytest.mark.parametrize(
    ("recorded", "here", "level"),
    [
        (AVX2, BFLOAT16, "AVX2"),
        (AVX512, BFLOAT16, "AVX512_CORE"),
        (BFLOAT16, BFLOAT16, None),
        (BFLOAT16, AVX2, None),  # nothing can be had that the processor has not
        ([], AVX2, None),
    ],
)
def test_onednn_is_held_to_lower_instruction_sets(record: Record, recorded: list, here: list, level: str) -> None:
    held = {"ONEDNN_MAX_CPU_ISA": level} if level else {}
    assert restored(machine(record, instruction_sets=recorded), instruction_sets=here) == held


def test_onednn_is_not_held_to_what_has_no_bfloat16_that_was_trained_in(record: Record) -> None:
    recorded = change(machine(record, instruction_sets=AVX2), "precision", {"made": "mixed_bfloat16"})
    assert restored(recorded, instruction_sets=BFLOAT16) == {}


def test_of_an_older_record_instruction_sets_are_not_guessed(record: Record) -> None:
    recorded = machine(record)
    del recorded["environment"]["instruction_sets"]
    assert restored_variables(recorded, record["environment"], {}) == {}


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_the_precision_that_auto_came_to_is_stated(record: Record, precision: str) -> None:
    recorded = change(record, "precision", {"made": precision})
    stated = with_recorded_precision(recorded, {})
    assert stated["parameters"]["made"]["training"]["precision"] == precision
    assert recorded["parameters"]["made"]["training"]["precision"] == "auto"
    check = check_precision(recorded, {})
    assert (check.status, check.recorded, check.present) == (
        Status.PASS,
        f"made {precision}",
        "stated instead of auto",
    )
    # Stated or chosen, it is no difference between the runs.
    assert differences(recorded, stated, "made") == ()


def test_a_precision_that_was_stated_stays(record: Record) -> None:
    recorded = change(record, "parameters/made/training/precision", "float32")
    assert with_recorded_precision(recorded, {}) == recorded
    assert check_precision(recorded, {}).present == "the same"


def test_a_precision_that_the_users_limit_excludes_is_a_warning(record: Record) -> None:
    recorded = change(record, "precision", {"made": "mixed_bfloat16"})
    limit = {"ONEDNN_MAX_CPU_ISA": "AVX2"}
    assert with_recorded_precision(recorded, limit) == recorded
    check = check_precision(recorded, limit)
    assert (check.status, check.recorded) == (Status.WARN, "made mixed_bfloat16")
    assert check.present == "made: what auto comes to here, since ONEDNN_MAX_CPU_ISA excludes that"


def test_a_run_without_training_has_no_precision_to_state(record: Record) -> None:
    recorded = change(record, "precision", {})
    assert with_recorded_precision(recorded, {}) == recorded
    assert check_precision(recorded, {}).status == Status.PASS
