from typing import Any

import pytest

from mnist_resnet.provenance.environment import Environment
from mnist_resnet.reproduce.preflight import (
    Check,
    CheckResult,
    ReproductionError,
    check_determinism,
    check_environment,
    refuse,
)
from tests.made_record import made

RECORDED = made().environment


def machine(*changes: tuple[str, Any]) -> Environment:
    return made(*((f"environment/{path}", value) for path, value in changes)).environment


def warnings(present: Environment) -> list[Check]:
    return [check for check in check_environment(RECORDED, present, {}) if check.result != CheckResult.PASS]


def test_the_same_machine_passes_in_all() -> None:
    checks = check_environment(RECORDED, RECORDED, {})
    assert {check.result for check in checks} == {CheckResult.PASS}
    assert {check.what: check.recorded for check in checks} == {
        "lock file": "requirements.lock aaaa",
        "installed versions": "7 packages",
        "Python": "3.11.7 CPython",
        "platform": "Linux",
        "processor": "A processor",
        "instruction sets": "avx2 avx512f",
        "threads": "usable_cores 2, cores 2",
        "GPU": "none",
        "driver": "none",
        "environment variables": "OMP_NUM_THREADS 2",
    }


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("packages/keras", "3.15.2", ["installed versions: keras 3.15.1 → keras 3.15.2"]),
        ("packages/jax", "0.10.0", ["installed versions: jax absent → jax 0.10.0"]),
        ("python", "3.12.1 CPython", ["Python: 3.11.7 CPython → 3.12.1 CPython"]),
        ("instruction_sets", ["avx2"], ["instruction sets: avx2 avx512f → avx2"]),
        ("processor", "Another", ["processor: A processor → Another"]),
        ("usable_cores", 1, ["threads: usable_cores 2 → usable_cores 1"]),
        ("variables", {}, ["environment variables: OMP_NUM_THREADS 2 → OMP_NUM_THREADS absent"]),
        ("gpus", [{"name": "A GPU", "driver": "580.1"}], ["GPU: none → A GPU", "driver: none → 580.1"]),
        (
            "lock_files",
            {"requirements.lock": "b" * 64},
            ["lock file: requirements.lock aaaa → requirements.lock bbbbbbbbbbbb"],
        ),
    ],
)
def test_what_differs_is_a_warning_with_both_values(path: str, value: object, expected: list[str]) -> None:
    found = warnings(machine((path, value)))
    assert [f"{check.what}: {check.recorded} → {check.present}" for check in found] == expected
    assert {check.result for check in found} == {CheckResult.WARN}


def test_many_packages_are_named_in_part() -> None:
    (check,) = warnings(machine(("packages", {})))
    assert check.recorded.startswith("keras 3.15.1, numpy 2.4.0")
    assert check.recorded.endswith("and 1 more")


@pytest.mark.parametrize(
    ("recorded", "present", "restored", "expected"),
    [
        (
            RECORDED,
            machine(("usable_cores", 1), ("variables/TF_NUM_INTRAOP_THREADS", "2")),
            {"TF_NUM_INTRAOP_THREADS": "2"},
            {
                "threads: PASS, usable_cores 2, cores 2 → usable_cores 1, cores 2, held to 2 threads by "
                "TF_NUM_INTRAOP_THREADS",
                "environment variables: PASS, OMP_NUM_THREADS 2 → set for the run: TF_NUM_INTRAOP_THREADS",
            },
        ),
        (
            machine(("instruction_sets", ["avx2"])),
            machine(("variables/ONEDNN_MAX_CPU_ISA", "AVX2")),
            {"ONEDNN_MAX_CPU_ISA": "AVX2"},
            {
                "instruction sets: WARN, avx2 → avx2 avx512f; oneDNN is held to AVX2 by ONEDNN_MAX_CPU_ISA",
                "environment variables: PASS, OMP_NUM_THREADS 2 → set for the run: ONEDNN_MAX_CPU_ISA",
            },
        ),
        (
            machine(("instruction_sets", ...)),
            RECORDED,
            {},
            {"instruction sets: PASS, not recorded → avx2 avx512f"},
        ),
    ],
    ids=["fewer cores", "lower instruction sets", "an older record"],
)
def test_what_is_done_to_compute_as_recorded_is_noted(
    recorded: Environment, present: Environment, restored: dict[str, str], expected: set[str]
) -> None:
    checks = check_environment(recorded, present, restored)
    assert expected <= {f"{check.what}: {check.result}, {check.recorded} → {check.present}" for check in checks}


def test_training_that_was_not_asked_to_be_deterministic_is_a_warning() -> None:
    assert check_determinism(made()).result == CheckResult.PASS
    check = check_determinism(made(("parameters/made/training/deterministic", False)))
    assert (check.result, check.recorded) == (CheckResult.WARN, "made false")


def test_warnings_hinder_only_the_strict() -> None:
    warning = Check("processor", CheckResult.WARN, "one", "another")
    refuse([warning], strict=False)
    with pytest.raises(ReproductionError, match="- processor: recorded one; here another"):
        refuse([warning], strict=True)
    with pytest.raises(ReproductionError, match="commit"):
        refuse([Check("commit", CheckResult.FAIL, "aaaa", "not there")], strict=False)
