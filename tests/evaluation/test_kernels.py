"""Integer kernels against what a file says, on made files where a second one stands for the kernels."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from mnist_resnet.evaluation import kernels as module
from mnist_resnet.evaluation.kernels import KernelAgreement, compare_kernels
from mnist_resnet.evaluation.session import cpu_probabilities
from tests.made_model import bright_half, halves_model

IMAGES = np.stack([bright_half("left"), bright_half("right"), np.zeros((8, 8), np.uint8), bright_half("left") // 2])


def cut(content: bytes, limit: float) -> bytes:
    model = onnx.load_from_string(content)
    (softmax,) = [node for node in model.graph.node if node.op_type == "Softmax"]
    model.graph.initializer.append(numpy_helper.from_array(np.array(limit, np.float32), "limit"))
    model.graph.node.insert(len(model.graph.node) - 1, helper.make_node("Clip", ["logits", "", "limit"], ["cut"]))
    softmax.input[0] = "cut"
    return model.SerializeToString()


def test_one_and_the_same_computation_agrees():
    fast = cpu_probabilities(halves_model(), IMAGES)
    assert compare_kernels(halves_model(), IMAGES, fast) == KernelAgreement(4, 0.0, 1.0, 0.0)


def test_cut_sums_are_found():
    """Logits of 10, 0 and 5 become 4, 0 and 4, as on a processor whose kernels cut."""
    found = compare_kernels(halves_model(), IMAGES, cpu_probabilities(cut(halves_model(), 4.0), IMAGES))
    expected = np.exp(10) / (np.exp(10) + 1 + np.exp(5)) - np.exp(4) / (2 * np.exp(4) + 1)
    assert found.max_abs_diff == pytest.approx(expected, abs=1e-6)
    assert not found.within(0.05)


def test_the_file_is_computed_as_it_is_written(monkeypatch):
    asked = []
    monkeypatch.setattr(module, "cpu_probabilities", lambda *_, optimized: asked.append(optimized) or np.eye(4))
    compare_kernels(b"", IMAGES, np.eye(4, dtype=np.float32))
    assert asked == [False]


def test_a_class_may_change_where_the_two_best_are_as_good_as_equal(monkeypatch):
    plain = np.array([[0.51, 0.49, 0.0], [0.1, 0.2, 0.7], [0.8, 0.1, 0.1], [0.6, 0.4, 0.0]], np.float32)
    fast = plain.copy()
    fast[0] = [0.49, 0.51, 0.0]
    monkeypatch.setattr(module, "cpu_probabilities", lambda *_, optimized: plain)
    found = compare_kernels(b"", IMAGES, fast)
    assert (found.same_class, found.images) == (0.75, 4)
    assert found.widest_change == pytest.approx(0.02, abs=1e-6)
    assert found.within(0.05)
    fast[3] = [0.49, 0.51, 0.0]
    found = compare_kernels(b"", IMAGES, fast)
    assert found.max_abs_diff == pytest.approx(0.11, abs=1e-6)
    assert found.widest_change == pytest.approx(0.2, abs=1e-6)
    assert not found.within(0.15)
    assert found.within(0.2 + 1e-6)
