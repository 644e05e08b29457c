from dataclasses import replace

import numpy as np
import pytest

from mnist_resnet.evaluation.validation import Validation
from tests.made_model import bright_half, halves_model


@pytest.fixture
def validation(evaluation_parameters) -> Validation:
    images = np.stack([bright_half("left"), bright_half("right"), bright_half("right"), bright_half("left")])
    return Validation(images, np.array([0, 1, 1, 1], np.uint8), evaluation_parameters)


def test_accuracy_is_the_share_of_right_answers(validation):
    assert validation.accuracy(halves_model()) == 0.75


def test_the_digest_is_that_of_images_and_labels(validation):
    assert validation.digest == replace(validation, images=validation.images.copy()).digest
    others = validation.images.copy()
    others[3, 7, 7] += 1
    assert replace(validation, images=others).digest != validation.digest
    assert replace(validation, labels=np.array([0, 1, 1, 2], np.uint8)).digest != validation.digest
