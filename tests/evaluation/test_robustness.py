import json
from dataclasses import asdict

import numpy as np
import pytest

from mnist_resnet.evaluation.perturbations import PERTURBATIONS, perturb
from mnist_resnet.evaluation.robustness import measure_robustness


def classify(images: np.ndarray) -> np.ndarray:
    """Which of the made data's three places is the brightest."""
    places = [images[:, 1:4, 1:4], images[:, 1:4, 4:7], images[:, 4:7, 2:5]]
    scores = np.stack([place.mean(axis=(1, 2)) for place in places], axis=1).astype(np.float32)
    return scores / np.maximum(scores.sum(axis=1, keepdims=True), 1)


@pytest.fixture
def images(made_data) -> np.ndarray:
    return made_data.arrays["test_images"]


@pytest.fixture
def labels(made_data) -> np.ndarray:
    return made_data.arrays["test_labels"]


def test_every_strength_of_every_perturbation_has_its_accuracy(images, labels):
    measured = measure_robustness(classify, images, labels, seed=0)
    assert (measured.images, measured.untouched) == (60, 1.0)
    assert list(measured.perturbed) == ["shift", "rotation", "noise", "blur", "contrast", "occlusion"]
    for name, accuracies in measured.perturbed.items():
        expected = {
            f"{strength:g}": (classify(perturb(images, name, strength, 0)).argmax(axis=1) == labels).mean()
            for strength in PERTURBATIONS[name].strengths
        }
        assert accuracies == expected, name
    # A black square of three pixels hides some of the bright ones.
    assert measured.perturbed["occlusion"]["12"] < measured.perturbed["occlusion"]["4"] == 1


def test_a_seed_gives_the_same_figures_again(images, labels):
    first, again, other = (measure_robustness(classify, images, labels, seed) for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_robustness_survives_json(images, labels):
    written = asdict(measure_robustness(classify, images, labels, seed=0))
    assert json.loads(json.dumps(written, allow_nan=False)) == written
