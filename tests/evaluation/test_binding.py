import numpy as np
import onnxruntime
import pytest

from mnist_resnet.evaluation.binding import FixedBatch
from mnist_resnet.evaluation.providers import CPU_PROVIDER
from mnist_resnet.evaluation.session import Session
from mnist_resnet.export.onnx import to_onnx
from mnist_resnet.models.resnet import build_network


@pytest.fixture(scope="module")
def kept() -> dict:
    """The onnxruntime session, which all tests here share."""
    return {}


@pytest.fixture
def inference(kept, model_parameters, preprocessing) -> onnxruntime.InferenceSession:
    if not kept:
        content = to_onnx(build_network(model_parameters, preprocessing, (8, 8), 3), 17, {})
        kept["inference"] = onnxruntime.InferenceSession(content, providers=[CPU_PROVIDER])
    return kept["inference"]


def test_a_batch_at_a_fixed_place_has_the_answers_of_any_other(inference, made_data):
    fixed, images = FixedBatch(inference, (5, 8, 8), "cpu"), made_data.arrays["test_images"]
    first, second = (fixed.run(images[start : start + 5]) for start in (0, 5))
    for start, answer in ((0, first), (5, second)):
        (expected,) = inference.run(None, {"image": images[start : start + 5]})
        np.testing.assert_array_equal(answer, expected)


def test_a_batch_of_another_shape_is_refused(inference, made_data):
    with pytest.raises((RuntimeError, ValueError)):
        FixedBatch(inference, (5, 8, 8), "cpu").run(made_data.arrays["test_images"][:6])


def test_each_batch_size_has_its_place(inference, made_data):
    images = made_data.arrays["test_images"]
    plain, fixed = (Session(inference, (CPU_PROVIDER,), CPU_PROVIDER, fixed=fixed) for fixed in (False, True))
    # 60 images are two batches of 25 and one of 10.
    np.testing.assert_array_equal(fixed.probabilities(images, 25), plain.probabilities(images, 25))
    np.testing.assert_array_equal(fixed.run(images[::-1][:10]), plain.run(images[::-1][:10]))
