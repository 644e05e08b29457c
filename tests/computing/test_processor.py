import os
import platform
import subprocess
import sys

import pytest

from mnist_resnet.computing import device, processor
from mnist_resnet.computing.device import found_device
from mnist_resnet.computing.processor import (
    ONEDNN_LIMIT,
    THREADS_VARIABLE,
    asked_threads,
    is_higher,
    multiplies_bfloat16,
    offered_instruction_sets,
    onednn_by_itself,
    onednn_level,
    usable_cores,
)

ZEN_3 = ("avx", "avx2", "fma")
ALDER_LAKE = (*ZEN_3, "avx_vnni")
SKYLAKE_X = (*ZEN_3, "avx512f")
ZEN_4 = (*SKYLAKE_X, "avx512_vnni", "avx512_bf16")
SAPPHIRE_RAPIDS = (*ZEN_4, "avx_vnni", "avx512_fp16", "amx_int8", "amx_bf16")
NEOVERSE = ("asimd", "asimddp", "bf16", "i8mm", "sve")

x86_only = pytest.mark.skipif(platform.machine().lower() not in {"x86_64", "amd64"}, reason="oneDNN's switch is x86's")


def switch_as_tensorflow_finds_it(**variables: str) -> str:
    """What a new process has of the switch, once the package is imported."""
    program = "import os, mnist_resnet; print(os.environ.get('TF_ENABLE_ONEDNN_OPTS'))"
    others = {name: value for name, value in os.environ.items() if name != processor.ONEDNN_SWITCH}
    ended = subprocess.run(
        [sys.executable, "-c", program], env=others | variables, capture_output=True, text=True, check=True
    )
    return ended.stdout.strip()


@x86_only
def test_onednn_is_on_wherever_the_package_is_imported() -> None:
    assert switch_as_tensorflow_finds_it() == "1"


@pytest.mark.parametrize("setting", ["0", "1", "false"])
def test_the_users_own_setting_of_onednn_is_kept(setting: str) -> None:
    assert switch_as_tensorflow_finds_it(TF_ENABLE_ONEDNN_OPTS=setting) == setting


@pytest.mark.parametrize("machine", ["arm64", "aarch64"])
def test_on_arm_the_choice_is_tensorflows(monkeypatch: pytest.MonkeyPatch, machine: str) -> None:
    monkeypatch.delenv(processor.ONEDNN_SWITCH, raising=False)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    processor.state_onednn()
    assert processor.ONEDNN_SWITCH not in os.environ


def test_what_the_package_states_is_told_from_what_the_user_has_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.delenv(processor.ONEDNN_SWITCH, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    processor.state_onednn()
    assert processor.ONEDNN_SWITCH in os.environ
    own = processor.set_by_user(os.environ)
    assert own["OMP_NUM_THREADS"] == "2"
    assert processor.ONEDNN_SWITCH not in own
    monkeypatch.setenv(processor.ONEDNN_SWITCH, "0")
    assert processor.set_by_user(os.environ)[processor.ONEDNN_SWITCH] == "0"


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("flags\t\t: fpu avx avx2 fma ssse3 not_avx512f", ZEN_3),
        ("flags\t\t: avx512_bf16 avx512f fma avx2 avx avx512_vnni", ZEN_4),
        ("Features\t: fp asimd asimddp sve i8mm bf16 crc32", NEOVERSE),
        ("model name\t: avx2", ()),
    ],
)
def test_only_decisive_instruction_sets_are_told_in_one_order(tmp_path, line: str, offered: tuple[str, ...]) -> None:
    information = tmp_path / "cpuinfo"
    information.write_text(f"processor\t: 0\n{line}\n\n" * 2)
    assert offered_instruction_sets(information) == offered


def test_other_systems_tell_none(tmp_path) -> None:
    assert offered_instruction_sets(tmp_path / "missing") == ()


@pytest.mark.parametrize(
    ("offered", "level", "onednn"),
    [
        (ZEN_3, "AVX2", "0"),
        (ALDER_LAKE, "AVX2_VNNI", "1"),
        (SKYLAKE_X, "AVX512_CORE", "0"),
        (ZEN_4, "AVX512_CORE_BF16", "1"),
        (SAPPHIRE_RAPIDS, "AVX512_CORE_AMX", "1"),
        ((), None, "0"),
    ],
)
def test_a_processor_has_a_level_and_a_default_of_onednn(offered: tuple[str, ...], level: str, onednn: str) -> None:
    assert onednn_level(offered) == level
    assert onednn_by_itself(offered) == onednn


def test_levels_have_an_order() -> None:
    assert is_higher("AVX512_CORE", "AVX2")
    assert is_higher("avx2", None)
    assert not is_higher("AVX2", "avx2")
    assert not is_higher(None, "AVX2")
    assert is_higher("DEFAULT", "AVX512_CORE_AMX")


@pytest.mark.parametrize(
    ("offered", "limit", "multiplies"),
    [
        (ZEN_4, {}, True),
        (ZEN_4, {ONEDNN_LIMIT: "AVX2"}, False),
        (ZEN_4, {ONEDNN_LIMIT: "AVX2_VNNI_2"}, False),
        (ZEN_4, {ONEDNN_LIMIT: "AVX512_CORE"}, False),
        (ZEN_4, {ONEDNN_LIMIT: "AVX512_CORE_BF16"}, True),
        (ZEN_4, {ONEDNN_LIMIT: "DEFAULT"}, True),
        (ZEN_4, {"TF_ENABLE_ONEDNN_OPTS": "0"}, False),
        (ZEN_4, {"TF_ENABLE_ONEDNN_OPTS": "1"}, True),
        (SKYLAKE_X, {}, False),
        (NEOVERSE, {}, False),
    ],
)
def test_bfloat16_is_multiplied_where_onednn_may_use_the_units(
    offered: tuple[str, ...], limit: dict[str, str], multiplies: bool
) -> None:
    assert multiplies_bfloat16(offered, limit) == multiplies


@pytest.mark.parametrize(
    ("asked", "threads"), [(None, 0), ("", 0), ("0", 0), ("1", 1), ("16", 16), ("-1", 0), ("two", 0)]
)
def test_the_threads_are_those_that_a_variable_asks_for(asked: str | None, threads: int) -> None:
    assert asked_threads({} if asked is None else {THREADS_VARIABLE: asked}) == threads


def test_cores_that_this_process_may_not_use_do_not_count() -> None:
    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("Linux alone tells of the cores that a process is held to")
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:1])
    try:
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize(
    ("asked", "cores", "name"),
    [
        ("", 2, "the CPU (2 cores)"),
        ("2", 2, "the CPU (2 cores)"),
        ("1", 2, "the CPU (1 of 2 cores)"),
        ("8", 2, "the CPU (2 cores)"),
        ("", 1, "the CPU (1 core)"),
    ],
)
def test_the_processor_is_named_with_the_cores_that_compute(
    asked: str, cores: int, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    monkeypatch.setenv(THREADS_VARIABLE, asked)
    monkeypatch.setattr(device, "usable_cores", lambda: cores)
    monkeypatch.setattr("tensorflow.config.list_physical_devices", lambda _: [])
    assert found_device().name == name
