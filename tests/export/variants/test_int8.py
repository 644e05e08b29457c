from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from mnist_resnet.evaluation.session import cpu_probabilities
from mnist_resnet.export.variants import int8
from tests.made_model import DARK, halves_model


def halves_with_less() -> bytes:
    """The made model with another offset of its third class."""
    model = onnx.load_from_string(halves_model())
    (offsets,) = [each for each in model.graph.initializer if each.name == "offsets"]
    offsets.CopyFrom(numpy_helper.from_array(np.array([0, 0, DARK - 1], np.float32), "offsets"))
    return model.SerializeToString()


def test_calibration_nearest_to_float32_on_other_training_images_is_kept(material, monkeypatch):
    seen = {}

    def quantized(onnx_model: bytes, images: np.ndarray, method: str) -> bytes:
        seen[method] = images
        return halves_model({"made": method}) if method == "percentile" else halves_with_less()

    monkeypatch.setattr(int8, "to_int8", quantized)
    parameters = replace(material.parameters, calibration_images=30, choice_images=60)
    candidate = int8.make(replace(material, parameters=parameters))
    assert candidate.calibration_errors["percentile"] == 0
    assert candidate.calibration_errors["minmax"] > 0
    assert candidate.content == halves_model({"made": "percentile"})
    assert len(seen["minmax"]) == 30
    np.testing.assert_array_equal(seen["minmax"], seen["percentile"])
    left, right = (seen["minmax"][..., columns].mean(axis=(1, 2)) for columns in (slice(4), slice(4, 8)))
    # Bright left, bright right, and neither: a third each, though the file is sorted.
    assert [np.sum(left > right + 50), np.sum(right > left + 50)] == [10, 10]


def test_images_that_calibrate_do_not_choose(material, monkeypatch):
    images = material.train_images.copy()
    images[:, 0, :2] = np.arange(270, dtype=np.uint16).view(np.uint8).reshape(270, 2)
    calibrating, seen = [], []

    def quantized(onnx_model: bytes, chosen: np.ndarray, method: str) -> bytes:
        calibrating.append(numbers(chosen))
        return onnx_model

    def classified(onnx_model: bytes, chosen: np.ndarray) -> np.ndarray:
        seen.append(numbers(chosen))
        return cpu_probabilities(onnx_model, chosen)

    monkeypatch.setattr(int8, "to_int8", quantized)
    monkeypatch.setattr(int8, "cpu_probabilities", classified)
    int8.make(replace(material, train_images=images))
    assert [len(each) for each in (*calibrating, *seen)] == [64, 64, 64, 64, 64]
    assert calibrating[0] == calibrating[1]
    assert seen[0] == seen[1] == seen[2]
    assert calibrating[0].isdisjoint(seen[0])
    assert calibrating[0] != set(range(64))


def numbers(images: np.ndarray) -> set[int]:
    return {int(each[0, 0]) + 256 * int(each[0, 1]) for each in images}


@pytest.mark.parametrize("count", [3, 10, 100])
def test_few_training_images_are_shared_in_proportion(material, monkeypatch, count):
    images, labels = (array[:: 270 // count][:count] for array in (material.train_images, material.train_labels))
    lengths = []

    def quantized(onnx_model: bytes, chosen: np.ndarray, method: str) -> bytes:
        lengths.append(len(chosen))
        return onnx_model

    monkeypatch.setattr(int8, "to_int8", quantized)
    int8.make(replace(material, train_images=images, train_labels=labels))
    assert lengths == [count // 2] * 2


@pytest.mark.parametrize("products", [None, halves_model({"made": "of products"})])
def test_products_are_quantized_wherever_there_are_any(material, monkeypatch, products):
    quantized = []
    monkeypatch.setattr(int8, "multiply_small_images", lambda content: products)
    monkeypatch.setattr(int8, "to_int8", lambda onnx_model, *_: quantized.append(onnx_model) or halves_with_less())
    candidate = int8.make(material)
    assert quantized == [products or material.onnx_model] * 2
    assert candidate.calibration_errors["minmax"] > 0
