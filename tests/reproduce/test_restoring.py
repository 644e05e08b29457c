from typing import Any

import pytest

from mnist_resnet.comparison.causes import differences
from mnist_resnet.provenance.record import Provenance
from mnist_resnet.reproduce.preflight import CheckResult
from mnist_resnet.reproduce.restoring import check_precision, restored_variables, with_recorded_precision
from tests.made_record import made

AVX2, AVX512, BFLOAT16 = ["avx2"], ["avx2", "avx512f"], ["avx2", "avx512f", "avx512_vnni", "avx512_bf16"]
THREADS, LIMIT, SWITCH = "TF_NUM_INTRAOP_THREADS", "ONEDNN_MAX_CPU_ISA", "TF_ENABLE_ONEDNN_OPTS"
COMPUTING = {SWITCH: "0", "OMP_NUM_THREADS": "2", "PYTHONHASHSEED": "0"}


def machine(*changes: tuple[str, Any], **described: Any) -> Provenance:
    """The record as another machine would have made it."""
    return made(*((f"environment/{name}", value) for name, value in ({"variables": {}} | described).items()), *changes)


@pytest.mark.parametrize(
    ("recorded", "here", "restored"),
    [
        (machine(), {}, {}),
        # As many threads as the recorded machine had cores, or was told to take.
        (machine(), {"usable_cores": 1}, {THREADS: "2"}),
        (machine(), {"usable_cores": 4}, {THREADS: "2"}),
        (machine(variables={THREADS: "3"}), {}, {THREADS: "3"}),
        # JAX has threads of its own.
        (machine(variables={"KERAS_BACKEND": "jax"}), {"usable_cores": 1}, {"KERAS_BACKEND": "jax"}),
        # Only what says how to compute is set again.
        (machine(variables={**COMPUTING, "CUDA_VISIBLE_DEVICES": "3", "XLA_FLAGS": "--xla_dump_to=/x"}), {}, COMPUTING),
        # oneDNN is held to lower instruction sets.
        (machine(instruction_sets=AVX2), {"instruction_sets": BFLOAT16}, {LIMIT: "AVX2"}),
        (machine(instruction_sets=AVX512), {"instruction_sets": BFLOAT16}, {LIMIT: "AVX512_CORE"}),
        (machine(instruction_sets=BFLOAT16), {"instruction_sets": BFLOAT16}, {}),
        # What the processor has not cannot be had, nor bfloat16 with AVX2.
        (machine(instruction_sets=BFLOAT16), {"instruction_sets": AVX2}, {}),
        (machine(instruction_sets=[]), {"instruction_sets": AVX2}, {}),
        (
            machine(("precision/made", "mixed_bfloat16"), instruction_sets=AVX2),
            {"instruction_sets": BFLOAT16},
            {},
        ),
        # Of an older record instruction sets are not guessed.
        (machine(instruction_sets=...), {"instruction_sets": AVX2}, {}),
    ],
)
def test_what_makes_this_machine_compute_as_the_recorded_one_is_set(
    recorded: Provenance, here: dict[str, Any], restored: dict[str, str]
) -> None:
    assert restored_variables(recorded, machine(**here).environment, {}) == restored


def test_the_users_own_setting_wins() -> None:
    own = {THREADS: "8", LIMIT: "AVX512_CORE", SWITCH: "0"}
    recorded = machine(variables={SWITCH: "1"}, instruction_sets=AVX2)
    assert restored_variables(recorded, machine(usable_cores=1, instruction_sets=AVX512).environment, own) == {}


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_the_precision_that_auto_came_to_is_stated(precision: str) -> None:
    recorded = made(("precision/made", precision))
    stated = with_recorded_precision(recorded, {})
    assert stated.training("made")["precision"] == precision
    assert recorded.training("made")["precision"] == "auto"
    check = check_precision(recorded, {})
    expected = (CheckResult.PASS, f"made {precision}", "stated instead of auto")
    assert (check.result, check.recorded, check.present) == expected
    # Stated or chosen, it is no difference between the runs.
    assert differences(recorded, stated, "made") == ()


EXCLUDED = "made: the choice of auto here, since ONEDNN_MAX_CPU_ISA rules that out"


@pytest.mark.parametrize(
    ("change", "limit", "result", "words"),
    [
        (("parameters/made/training/precision", "float32"), {}, CheckResult.PASS, "the same"),
        (("precision/made", "mixed_bfloat16"), {LIMIT: "AVX2"}, CheckResult.WARN, EXCLUDED),
        (("precision", {}), {}, CheckResult.PASS, "the same"),
    ],
    ids=["stated", "excluded by the user", "nothing was trained"],
)
def test_where_no_precision_can_be_stated_the_record_stays(
    change: tuple[str, Any], limit: dict[str, str], result: CheckResult, words: str
) -> None:
    recorded = made(change)
    assert with_recorded_precision(recorded, limit) == recorded
    check = check_precision(recorded, limit)
    assert (check.result, check.present) == (result, words)
