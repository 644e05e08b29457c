"""The measurements of onnxruntime on a GPU, run on the CPU with as little as there can be."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from tests.made_model import halves_model

SMALL = ("--provider", "CPUExecutionProvider", "--count", "4", "--batch-sizes", "1", "4", "--seconds", "0.01")


def run(folder: Path, *arguments: str) -> dict:
    command = [sys.executable, PROJECT / "benchmarks/gpu_onnxruntime.py", *SMALL, *arguments]
    subprocess.run(command, cwd=folder, capture_output=True, check=True)
    return json.loads((folder / "gpu_onnxruntime.json").read_text(encoding="utf-8"))


def test_files_are_measured_on_the_cpu(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(halves_model())
    found = run(tmp_path, "model.onnx", "--processes", "1")
    assert found["left_out"] == []
    assert [name for name, stage in found.items() if "failed" in stage] == []
    assert found["machine"]["provider"] == "CPUExecutionProvider"
    assert found["nodes, model.onnx"]["nodes"]["CPUExecutionProvider"]["Softmax"] == 1
    assert found["nodes, model.onnx"]["memcpy"] == 0
    assert found["graph, model.onnx"] == {"loads": True, "equal_to_each_other": True, "equal_to_plain": True}
    assert found["agreement with the first on the CPU, model.onnx, tf32 False"] == {
        "same_class": 1.0,
        "max_abs_diff": 0.0,
    }
    assert list(found["speed, model.onnx, graphs False"]) == ["1", "4"]
    repeats = {name: stage for name, stage in found.items() if name.startswith("repeats")}
    assert len(repeats) == 6
    assert all(stage["equal"] and stage["sessions"] == 2 for stage in repeats.values())


def test_what_there_is_no_time_for_is_listed(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(halves_model())
    found = run(tmp_path, "model.onnx", "--limit", "0")
    assert list(found) == ["left_out"]
    assert found["left_out"][:2] == ["machine", "nodes, model.onnx"]


def test_a_stage_that_fails_is_said_to_and_others_follow(tmp_path: Path) -> None:
    """CUDA that is asked for in vain, where the CPU package of onnxruntime is installed or there is no GPU."""
    (tmp_path / "model.onnx").write_bytes(halves_model())
    found = run(tmp_path, "model.onnx", "--provider", "NoExecutionProvider", "--processes", "1")
    assert "failed" in found["nodes, model.onnx"]
    assert "failed" in found["repeats, model.onnx, default, deterministic False"]


@pytest.mark.slow
def test_a_network_is_made_where_there_is_none(tmp_path: Path) -> None:
    found = run(tmp_path, "--size", "32", "--blocks", "1", "--processes", "1")
    assert found["left_out"] == []
    assert [name for name, stage in found.items() if "failed" in stage] == []
    assert {"nodes, fp32", "nodes, fp16", "nodes, int8"} <= set(found)
    assert found["agreement with the first on the CPU, fp16, tf32 False"]["max_abs_diff"] < 0.01
