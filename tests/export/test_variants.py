"""Which variants are made, of which images, and published; how one is judged is tested with ``variant_check``."""

from dataclasses import replace

import numpy as np
import pytest

from mnist_resnet.evaluation.kernels import KernelAgreement
from mnist_resnet.evaluation.paired import Paired
from mnist_resnet.evaluation.session import CUDA_PROVIDER
from mnist_resnet.evaluation.validation import Validation
from mnist_resnet.export import variants as module
from mnist_resnet.export.variants import make_variants
from tests.made_model import DARK, bright_half, halves_model

BATCH_SIZES = (1, 8)


@pytest.fixture
def validation() -> Validation:
    images = np.stack([bright_half("left"), bright_half("right"), np.zeros((8, 8), np.uint8)] * 20)
    return Validation(images, np.array([0, 1, 2] * 20, np.uint8), ["CPUExecutionProvider"])


@pytest.fixture
def training() -> tuple[np.ndarray, np.ndarray]:
    """Noisy images of one class after the other, as in a sorted file."""
    generator = np.random.default_rng(0)
    images = np.stack([bright_half("left")] * 90 + [bright_half("right")] * 90 + [np.zeros((8, 8), np.uint8)] * 90)
    return images // 2 + generator.integers(0, 100, images.shape, dtype=np.uint8), np.repeat(
        np.arange(3, dtype=np.uint8), 90
    )


@pytest.fixture
def alone(variant_parameters):
    return replace(variant_parameters, names=("int8",))


def test_variants_are_made_and_judged(validation, training, variant_parameters):
    files, (int8, fp16) = make_variants(halves_model(), *training, validation, variant_parameters, BATCH_SIZES)
    assert (int8.name, int8.validation_accuracy) == ("int8", 1.0)
    assert int8.greatest_loss == Paired(60, 0, 0).greatest_loss()
    assert set(int8.calibration_errors) == {"minmax", "percentile"}
    assert list(int8.tried.values()) == [1.0]
    assert int8.kernels.images == 60
    assert int8.size_ratio > 0
    assert list(int8.speed_ratios) == ["1", "8"]
    assert list(files) == (["model.int8.onnx"] if int8.published else [])
    assert (fp16.name, fp16.published, fp16.validation_accuracy, fp16.size_ratio) == ("fp16", False, None, None)
    assert "not evaluated" in fp16.reason


def test_calibration_nearest_to_float32_on_other_training_images_is_kept(validation, training, alone, monkeypatch):
    seen = {}

    def quantized(onnx_model: bytes, images: np.ndarray, method: str) -> bytes:
        seen[method] = images
        return halves_model({"made": method}) if method == "percentile" else halves_with_less("dark")

    monkeypatch.setattr(module, "to_int8", quantized)
    smaller = replace(alone, calibration_images=30, choice_images=60)
    _, (check,) = make_variants(halves_model(), *training, validation, smaller, BATCH_SIZES)
    assert check.calibration_errors["percentile"] == 0
    assert check.calibration_errors["minmax"] > 0
    assert list(check.tried) == ["percentile"]
    assert "calibrated by percentile" in check.reason
    assert len(seen["minmax"]) == 30
    np.testing.assert_array_equal(seen["minmax"], seen["percentile"])
    left, right = (seen["minmax"][..., columns].mean(axis=(1, 2)) for columns in (slice(4), slice(4, 8)))
    # Bright left, bright right, and neither: a third each, though the file is sorted.
    assert [np.sum(left > right + 50), np.sum(right > left + 50)] == [10, 10]


def halves_with_less(_: str) -> bytes:
    """The made model with another offset of its third class."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load_from_string(halves_model())
    (offsets,) = [each for each in model.graph.initializer if each.name == "offsets"]
    offsets.CopyFrom(numpy_helper.from_array(np.array([0, 0, DARK - 1], np.float32), "offsets"))
    return model.SerializeToString()


def test_images_that_calibrate_do_not_choose(validation, training, alone, monkeypatch):
    images, labels = training
    numbered = np.broadcast_to(np.arange(270, dtype=np.uint16).view(np.uint8).reshape(270, 2), (270, 2))
    images = images.copy()
    images[:, 0, :2] = numbered
    calibrating, seen = [], []
    open_session = module.open_session

    def quantized(onnx_model: bytes, chosen: np.ndarray, method: str) -> bytes:
        calibrating.append(numbers(chosen))
        return onnx_model

    class Noting:
        def __init__(self, session):
            self._session = session

        def probabilities(self, chosen, batch_size):
            seen.append(numbers(chosen))
            return self._session.probabilities(chosen, batch_size)

        def run(self, batch):
            return self._session.run(batch)

    monkeypatch.setattr(module, "to_int8", quantized)
    monkeypatch.setattr(module, "open_session", lambda *asked: Noting(open_session(*asked)))
    make_variants(halves_model(), images, labels, validation, alone, BATCH_SIZES)
    assert [len(each) for each in (*calibrating, *seen)] == [64, 64, 64, 64, 64]
    assert calibrating[0] == calibrating[1]
    assert seen[0] == seen[1] == seen[2]
    assert calibrating[0].isdisjoint(seen[0])
    assert calibrating[0] != set(range(64))


def numbers(images: np.ndarray) -> set[int]:
    return {int(each[0, 0]) + 256 * int(each[0, 1]) for each in images}


@pytest.mark.parametrize("count", [3, 10, 100])
def test_few_training_images_are_shared_in_proportion(validation, training, alone, monkeypatch, count):
    images, labels = (array[:: len(array) // count][:count] for array in training)
    lengths = []

    def quantized(onnx_model: bytes, chosen: np.ndarray, method: str) -> bytes:
        lengths.append(len(chosen))
        return onnx_model

    monkeypatch.setattr(module, "to_int8", quantized)
    make_variants(halves_model(), images, labels, validation, alone, BATCH_SIZES)
    assert lengths == [count // 2] * 2


def test_what_kernels_cut_is_not_published(validation, training, alone, monkeypatch):
    """Accurate enough on this processor, and another classifier on the next."""
    cut = KernelAgreement(images=60, max_abs_diff=0.38, same_class=59 / 60, widest_change=0.3)
    monkeypatch.setattr(module, "compare_kernels", lambda *_: cut)
    files, (check,) = make_variants(halves_model(), *training, validation, alone, BATCH_SIZES)
    assert files == {}
    assert check.kernels == cut
    assert "give 1.67% of the images other classes, and probabilities that differ by up to 0.380" in check.reason


def test_kernels_are_compared_for_the_file_that_is_published(validation, training, alone, monkeypatch):
    compared = []
    agreement = KernelAgreement(60, 0.0, 1.0, 0.0)
    monkeypatch.setattr(module, "to_int8", lambda onnx_model, images, method: halves_model({"made": method}))
    monkeypatch.setattr(module, "compare_kernels", lambda content, images: compared.append(content) or agreement)
    monkeypatch.setattr(module, "relative_speed", lambda *_: {"8": 2.0})
    files, (check,) = make_variants(halves_model(), *training, validation, alone, BATCH_SIZES)
    assert check.published
    assert list(files.values()) == compared == [halves_model({"made": next(iter(check.tried))})]


def test_fp16_is_judged_where_there_is_a_gpu(validation, training, variant_parameters, monkeypatch):
    """Here by the processor, which stands for one."""
    monkeypatch.setattr(module, "usable_providers", lambda _: [CUDA_PROVIDER])
    monkeypatch.setattr(module, "relative_speed", lambda *_: {"8": 2.0})
    parameters = replace(variant_parameters, names=("fp16",))
    files, (check,) = make_variants(halves_model(), *training, validation, parameters, BATCH_SIZES)
    assert list(files) == ["model.fp16.onnx"]
    assert (check.published, check.validation_accuracy, check.kernels, check.tried) == (True, 1.0, None, {})


def test_without_validation_images_nothing_is_made(validation, training, variant_parameters, monkeypatch):
    monkeypatch.setattr(module, "to_int8", None)
    nothing = replace(validation, images=validation.images[:0], labels=validation.labels[:0])
    files, checks = make_variants(halves_model(), *training, nothing, variant_parameters, BATCH_SIZES)
    assert files == {}
    assert [(check.name, check.published) for check in checks] == [("int8", False), ("fp16", False)]
    assert all("no validation images" in check.reason for check in checks)


def test_too_few_validation_images_are_said_to_be_and_nothing_is_made(validation, training, alone, monkeypatch):
    monkeypatch.setattr(module, "to_int8", None)
    stricter = replace(alone, tolerance=0.005)
    files, (check,) = make_variants(halves_model(), *training, validation, stricter, BATCH_SIZES)
    assert files == {}
    assert check.reason == (
        "not evaluated: 60 validation images are too few to show that it loses at most 0.50 points "
        "(export.variants.tolerance); 539 are the least"
    )
