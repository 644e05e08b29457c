import pytest

from mnist_resnet.reproduce.preflight import (
    Check,
    PreflightError,
    Status,
    check_determinism,
    check_environment,
    refuse,
)
from tests.made_record import Record, change


def test_the_same_machine_passes_in_all(record: Record) -> None:
    checks = check_environment(record["environment"], record["environment"], {})
    assert {check.status for check in checks} == {Status.PASS}
    assert {check.what: check.recorded for check in checks} == {
        "lock file": "requirements.lock aaaa",
        "installed versions": "7 packages",
        "Python": "3.11.7 CPython",
        "platform": "Linux",
        "processor": "A processor",
        "instruction sets": "avx2 avx512f",
        "threads": "2 of 2 cores",
        "GPU": "none",
        "driver": "none",
        "environment variables": "OMP_NUM_THREADS=2",
    }


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (
            "lock_files",
            {"requirements.lock": "b" * 64},
            Check("lock file", Status.WARN, "requirements.lock aaaa", "requirements.lock bbbbbbbbbbbb"),
        ),
        ("packages/keras", "3.15.2", Check("installed versions", Status.WARN, "keras 3.15.1", "keras 3.15.2")),
        ("packages/jax", "0.10.0", Check("installed versions", Status.WARN, "jax absent", "jax 0.10.0")),
        ("python", "3.12.1 CPython", Check("Python", Status.WARN, "3.11.7 CPython", "3.12.1 CPython")),
        (
            "instruction_sets",
            ["avx2"],
            Check("instruction sets", Status.WARN, "avx2 avx512f", "avx2"),
        ),
        ("processor", "Another", Check("processor", Status.WARN, "A processor", "Another")),
        ("usable_cores", 1, Check("threads", Status.WARN, "usable_cores 2", "usable_cores 1")),
        ("variables", {}, Check("environment variables", Status.WARN, "OMP_NUM_THREADS 2", "OMP_NUM_THREADS absent")),
    ],
)
def test_what_differs_is_a_warning_with_both_values(record: Record, path: str, value: object, expected: Check) -> None:
    checks = check_environment(record["environment"], change(record["environment"], path, value), {})
    assert [check for check in checks if check.status != Status.PASS] == [expected]


def test_another_gpu_and_its_driver_are_two_warnings(record: Record) -> None:
    present = change(record["environment"], "gpus", ({"name": "A GPU", "driver": "580.1"},))
    checks = check_environment(record["environment"], present, {})
    warnings = {check.what: (check.recorded, check.present) for check in checks if check.status == Status.WARN}
    assert warnings == {"GPU": ("none", "A GPU"), "driver": ("none", "580.1")}


def test_many_packages_are_named_in_part(record: Record) -> None:
    present = change(record["environment"], "packages", {})
    (check,) = [each for each in check_environment(record["environment"], present, {}) if each.status == Status.WARN]
    assert check.recorded.startswith("keras 3.15.1, numpy 2.4.0")
    assert check.recorded.endswith("and 1 more")


def by_what(checks: tuple[Check, ...]) -> dict[str, Check]:
    return {check.what: check for check in checks}


def test_the_recorded_number_of_threads_passes_with_a_note(record: Record) -> None:
    restored = {"TF_NUM_INTRAOP_THREADS": "2"}
    present = change(record["environment"], "usable_cores", 1)
    present = change(present, "variables", {**present["variables"], **restored})
    checks = by_what(check_environment(record["environment"], present, restored))
    note = "1 of 2 cores, held to 2 threads by TF_NUM_INTRAOP_THREADS"
    assert checks["threads"] == Check("threads", Status.PASS, "2 of 2 cores", note)
    assert checks["environment variables"].status == Status.PASS
    assert checks["environment variables"].present == "set for the run: TF_NUM_INTRAOP_THREADS"


def test_instruction_sets_that_onednn_is_held_to_are_a_warning_with_a_note(record: Record) -> None:
    restored = {"ONEDNN_MAX_CPU_ISA": "AVX2"}
    recorded = change(record["environment"], "instruction_sets", ["avx2"])
    present = change(record["environment"], "variables", {**recorded["variables"], **restored})
    checks = by_what(check_environment(recorded, present, restored))
    note = "avx2 avx512f; oneDNN is held to AVX2 by ONEDNN_MAX_CPU_ISA"
    assert checks["instruction sets"] == Check("instruction sets", Status.WARN, "avx2", note)
    assert checks["environment variables"].status == Status.PASS


def test_where_no_instruction_sets_were_recorded_those_here_are_told(record: Record) -> None:
    older = {name: value for name, value in record["environment"].items() if name != "instruction_sets"}
    checks = by_what(check_environment(older, record["environment"], {}))
    assert checks["instruction sets"] == Check("instruction sets", Status.PASS, "not recorded", "avx2 avx512f")


def test_training_that_was_not_asked_to_be_deterministic_is_a_warning(record: Record) -> None:
    assert check_determinism(record["parameters"], ["made"]).status == Status.PASS
    chance = change(record, "parameters/made/training/deterministic", False)
    check = check_determinism(chance["parameters"], ["made"])
    assert (check.status, check.recorded) == (Status.WARN, "made false")


def test_warnings_hinder_only_the_strict() -> None:
    warning = Check("processor", Status.WARN, "one", "another")
    refuse([warning], strict=False)
    with pytest.raises(PreflightError, match="- processor: recorded one; here another"):
        refuse([warning], strict=True)
    with pytest.raises(PreflightError, match="commit"):
        refuse([Check("commit", Status.FAIL, "aaaa", "not there")], strict=False)
