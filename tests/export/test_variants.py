from dataclasses import replace

import numpy as np
import pytest

from mnist_resnet.evaluation.validation import Validation
from mnist_resnet.export import variants as module
from mnist_resnet.export.variants import make_variants
from tests.made_model import bright_half, halves_model


@pytest.fixture
def validation(evaluation_parameters) -> Validation:
    images = np.stack([bright_half("left"), bright_half("right"), np.zeros((8, 8), np.uint8)] * 20)
    return Validation(images, np.array([0, 1, 2] * 20, np.uint8), evaluation_parameters)


@pytest.fixture
def outcome(validation, variant_parameters, monkeypatch):
    """What becomes of int8 where its file is wrong on some of the 60 images."""

    def outcome(wrong: dict[str, int], tolerance: float = 0.05):
        def spoilt(onnx_model: bytes, images: np.ndarray, method: str) -> bytes:
            return onnx_model + method.encode()

        def accuracy(self: Validation, onnx_model: bytes) -> float:
            return 1 - wrong.get(onnx_model.removeprefix(halves_model()).decode(), 0) / 60

        monkeypatch.setattr(module, "to_int8", spoilt)
        monkeypatch.setattr(Validation, "accuracy", accuracy)
        parameters = replace(variant_parameters, names=("int8",), tolerance=tolerance)
        files, (check,) = make_variants(halves_model(), validation.images, validation, parameters)
        return files, check

    return outcome


def test_a_variant_is_made_and_published(validation, variant_parameters):
    files, checks = make_variants(halves_model(), validation.images, validation, variant_parameters)
    assert list(files) == ["model.int8.onnx"]
    int8, fp16 = checks
    assert (int8.name, int8.published, int8.validation_accuracy) == ("int8", True, 1.0)
    assert int8.tried == {"minmax": 1.0, "percentile": 1.0}
    assert int8.reason.startswith("published: right on 100.00% of the validation images")
    assert (fp16.name, fp16.published, fp16.validation_accuracy) == ("fp16", False, None)
    assert "not evaluated" in fp16.reason


def test_the_better_calibration_is_kept(outcome):
    files, check = outcome({"minmax": 2, "percentile": 1})
    assert files == {"model.int8.onnx": halves_model() + b"percentile"}
    assert "calibrated by percentile" in check.reason
    assert check.tried == {"minmax": 1 - 2 / 60, "percentile": 1 - 1 / 60}


def test_a_variant_that_loses_too_much_is_not_published_and_says_why(outcome):
    files, check = outcome({"minmax": 4, "percentile": 5})
    assert files == {}
    assert not check.published
    assert check.reason == (
        "not published: right on 93.33% of the validation images, fp32 on 100.00%, calibrated by minmax; "
        "it may lose 5.00 points"
    )
    assert outcome({"minmax": 4, "percentile": 5}, tolerance=0.07)[1].published


def test_without_validation_images_nothing_is_published(validation, variant_parameters):
    nothing = replace(validation, images=validation.images[:0], labels=validation.labels[:0])
    files, checks = make_variants(halves_model(), validation.images, nothing, variant_parameters)
    assert files == {}
    assert [(check.name, check.published) for check in checks] == [("int8", False), ("fp16", False)]
    assert all("no validation images" in check.reason for check in checks)
