"""Noisy images, sorted by class, of which variants of the model of halves are made."""

import numpy as np
import pytest

from mnist_resnet.config import VariantParameters
from mnist_resnet.evaluation.validation_split import Validation
from mnist_resnet.export.variants import VariantInputs
from tests.made_model import bright_half, halves_model


@pytest.fixture
def material(variant_parameters: VariantParameters) -> VariantInputs:
    """All classes in equal shares: 270 training images, 60 validation images."""
    classes = [bright_half("left"), bright_half("right"), np.zeros((8, 8), np.uint8)]
    images = np.repeat(np.stack(classes), 90, axis=0)
    noise = np.random.default_rng(0).integers(0, 100, images.shape, dtype=np.uint8)
    labels = np.repeat(np.arange(3, dtype=np.uint8), 90)
    validation = Validation(np.stack(classes * 20), np.array([0, 1, 2] * 20, np.uint8), ["CPUExecutionProvider"])
    return VariantInputs(halves_model(), images // 2 + noise, labels, validation, variant_parameters)
