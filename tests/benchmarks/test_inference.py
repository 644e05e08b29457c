"""The benchmark of inference, beside an OpenVINO that answers bfloat16 with float32, as on every AVX2 processor."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from tests.integration.conftest import clean_environment
from tests.made_model import digits_model

OPENVINO = """
import numpy as np


class Type:
    f32, bf16 = "f32", "bf16"


class Core:
    def read_model(self, path):
        return self

    def reshape(self, shape):
        self.shape = shape


class Compiled:
    def __init__(self, model):
        self.shape = model.shape

    def get_property(self, name):
        return Type.f32

    def create_infer_request(self):
        return self

    def infer(self, images, **options):
        return [np.eye(10, dtype=np.float32)[np.zeros(self.shape[0], int)]]


Model = Core


def compile_model(model, device, hints):
    return Compiled(model)
"""


@pytest.fixture
def openvino(tmp_path: Path) -> Path:
    """A folder that has a package of that name."""
    described = tmp_path / "packages" / "openvino-2026.4.1.dist-info"
    described.mkdir(parents=True)
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: openvino\nVersion: 2026.4.1\n", encoding="utf-8")
    (tmp_path / "packages" / "openvino.py").write_text(OPENVINO, encoding="utf-8")
    return tmp_path / "packages"


def test_who_cannot_run_is_left_out_with_the_reason_and_the_others_are_measured(tmp_path: Path, openvino: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(digits_model())
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    files = ["--onnx", tmp_path / "model.onnx", "--int8", tmp_path / "broken.onnx", "--saved-model", tmp_path / "none"]
    rivals = ["--openvino-python", sys.executable, "--pytorch-python", tmp_path / "no-python"]
    asked = ["--rounds", "2", "--seconds", "0.01", "--batch-sizes", "1", "3", *files, *rivals]
    ended = subprocess.run(
        [sys.executable, PROJECT / "benchmarks/inference.py", *asked],
        env=clean_environment() | {"PYTHONPATH": str(openvino)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    rows = dict(line.split(" | ", 1) for line in ended.stdout.splitlines() if line.startswith("| "))
    assert rows["| ours, fp32"].endswith("1.00 (1.00–1.00) | 3 of 3 | as `kedro run` opens it |")
    assert rows["| OpenVINO, float32"].endswith("latency hint |") or "throughput hint" in rows["| OpenVINO, float32"]
    reasons = {name: row for name, row in rows.items() if row.startswith("not measured: ")}
    assert "computes in float32 on this processor, though asked for bfloat16" in reasons["| OpenVINO, bfloat16 hint"]
    assert "broken" in reasons["| ours, int8"] or "INVALID_PROTOBUF" in reasons["| ours, int8"]
    assert reasons["| TensorFlow, SavedModel"] == "not measured: `none` is not there | | | | |"
    assert "no-python" in reasons["| PyTorch compiled, float32"]
