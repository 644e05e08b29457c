"""Commands that are held to AVX2."""

import subprocess
import sys
from collections.abc import Callable
from types import ModuleType

import pytest

from mnist_resnet.computing.processor import offered_instruction_sets
from tests.conftest import PROJECT

# A row of four times 255 with a column of four times 127. AVX2 adds two products at a time, in 16 bits that hold up
# to 32,767; VNNI adds four, in 32 bits.
_SATURATED = 2 * 32_767  # where 129,540 is right
_MULTIPLY = """
import os, numpy as np, onnx, onnxruntime
from onnx import TensorProto, helper, numpy_helper
node = helper.make_node("MatMulInteger", ["row", "column"], ["sum"])
ends = [helper.make_tensor_value_info(n, t, [1, s]) for n, t, s in (("row", 2, 4), ("sum", 6, 16))]
column = numpy_helper.from_array(np.full((4, 16), 127, np.int8), "column")
graph = helper.make_graph([node], "g", ends[:1], ends[1:], [column])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
print(os.environ["ONEDNN_MAX_CPU_ISA"], session.run(None, {"row": np.full((1, 4), 255, np.uint8)})[0][0, 0])
raise SystemExit(7)
"""


@pytest.fixture
def module(benchmark: Callable[[str], ModuleType]) -> ModuleType:
    return benchmark("without_avx512")


def test_a_library_that_never_asks_the_system_cannot_be_held(module: ModuleType) -> None:
    assert module.without_avx512(b"ab\x0f\x01\xd0cd") == b"ab\xb0\x07\x90cd"
    with pytest.raises(ValueError, match="never asks which registers"):
        module.without_avx512(b"abcd")


def test_a_command_multiplies_as_on_a_processor_with_avx2(module: ModuleType) -> None:
    offered = set(offered_instruction_sets())
    if "avx2" not in offered or module.BEYOND & offered:
        pytest.skip("for x86-64 with AVX2, and without AMX and AVX-VNNI")
    held = [sys.executable, PROJECT / "benchmarks" / "without_avx512.py", "--", sys.executable, "-c", _MULTIPLY]
    ended = subprocess.run(held, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout.split()) == (7, ["AVX2", str(_SATURATED)]), ended.stderr
