"""The measurements of training on a GPU, run on the CPU with a small network and few images."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PROJECT
from tests.integration.conftest import clean_environment

CHECKS = {"augmentation", "chunks", "fed_and_resident", "planted_nan", "resume", "cpu_reference", "repeats"}
MINUTES = "8"  # more than any of it takes here: nothing is left out


def run(folder: Path, *arguments: str, minutes: str = MINUTES) -> dict[str, Any]:
    """What the script answers, by stage."""
    command = [sys.executable, PROJECT / "benchmarks/gpu.py", "--tiny", "--output", folder, "--minutes", minutes]
    subprocess.run([*command, *arguments], env=clean_environment(), capture_output=True, check=False)
    answers: dict[str, Any] = json.loads((folder / "gpu.json").read_text(encoding="utf-8"))
    return answers


def passed(answers: dict[str, Any]) -> set[str]:
    return {name for name, stage in answers.items() if any(each.get("passed") for each in stage["answers"])}


@pytest.mark.slow
def test_a_check_and_a_speed_are_answered_on_the_cpu(tmp_path: Path) -> None:
    answers = run(tmp_path, "--stages", "augmentation", "ours", "pytorch_eager")
    assert passed(answers) == {"augmentation"}, answers
    (speed,) = answers["ours"]["answers"]
    assert speed["images_per_second"][0] > 0, answers
    assert (speed["size"], speed["batch_size"], speed["platform"], speed["peak_bytes"]) == (32, 16, "cpu", None)
    assert answers["pytorch_eager"]["ended"] == "failed: ModuleNotFoundError: No module named 'torch'"


@pytest.mark.slow
def test_every_check_passes_on_the_cpu(tmp_path: Path) -> None:
    answers = run(tmp_path, "--stages", *CHECKS)
    assert passed(answers) == CHECKS, answers


def test_what_there_is_no_time_for_is_named(tmp_path: Path) -> None:
    answers = run(tmp_path, minutes="0")
    assert answers.keys() > CHECKS
    assert {stage["ended"] for stage in answers.values()} == {"not run: no time left"}


def test_carried_packages_are_those_of_the_lock(benchmark: Any) -> None:
    wheels = benchmark("gpu_wheels")
    requirements = wheels.locked(wheels.PACKAGES)
    assert requirements.count("==") == len(wheels.PACKAGES)
    assert requirements.count("--hash=sha256:") >= len(wheels.PACKAGES)
    with pytest.raises(LookupError, match=r"requirements-gpu\.lock has no no-such-package"):
        wheels.locked(("keras", "no-such-package"))


def test_a_table_has_a_ratio_where_both_were_measured(benchmark: Any) -> None:
    def stage(*speeds: tuple[int, list[int]]) -> dict[str, Any]:
        return {"answers": [{"size": size, "batch_size": 256, "images_per_second": each} for size, each in speeds]}

    answers = {
        "chunks": {"answers": [{"passed": True}]},
        "ours": stage((96, [2900, 3000, 3100]), (32, [9000])),
        "pytorch_compiled": stage((96, [2000])),
    }
    assert list(benchmark("gpu").table(answers)) == [
        "| images, batch | ours | pytorch compiled | ours / compiled |",
        "|---|---|---|---|",
        "| 96×96, 256 | 3,000 | 2,000 | 1.50 |",
        "| 32×32, 256 | 9,000 | – | – |",
    ]


def test_only_the_streams_of_a_gpu_count_as_its_time(benchmark: Any) -> None:
    def name(kind: str, process: int, thread: int, text: str) -> dict[str, Any]:
        return {"ph": "M", "name": kind, "pid": process, "tid": thread, "args": {"name": text}}

    def spent(process: int, thread: int, kernel: str, microseconds: float) -> dict[str, Any]:
        return {"ph": "X", "name": kernel, "pid": process, "tid": thread, "dur": microseconds}

    events = [
        name("process_name", 1, 0, "/device:GPU:0"),
        name("process_name", 2, 0, "/host:CPU"),
        name("thread_name", 1, 7, "Stream #7(Compute)"),
        name("thread_name", 1, 8, "XLA Ops"),
        name("thread_name", 2, 7, "Stream of another"),
        *(spent(1, 7, "convolve", 20), spent(1, 7, "convolve", 10), spent(1, 7, "add", 10)),
        *(spent(1, 8, "fusion", 40), spent(2, 7, "python", 99)),
    ]
    kernels = benchmark("gpu_kernels")
    assert kernels.device_time(events) == Counter({"convolve": 30.0, "add": 10.0})
    assert kernels.largest_shares(kernels.device_time(events)) == [("convolve", 0.75), ("add", 0.25)]
