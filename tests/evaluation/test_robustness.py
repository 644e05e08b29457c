import json
from dataclasses import asdict

import numpy as np
import pytest
from pydantic import TypeAdapter

from mnist_resnet.data.sample import spread_sample
from mnist_resnet.evaluation.metrics import accuracy_interval
from mnist_resnet.evaluation.perturbations import PERTURBATIONS, perturb
from mnist_resnet.evaluation.robustness import Robustness, measure_robustness, summarize


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


def test_every_strength_of_every_perturbation_has_its_accuracy_and_interval(images, labels):
    measured = measure_robustness(classify, images, labels, count=60, seed=0)
    assert (measured.images, measured.untouched) == (60, 1.0)
    assert measured.untouched_interval == accuracy_interval(60, 60)
    assert list(measured.perturbed) == ["shift", "rotation", "noise", "blur", "contrast", "occlusion"]
    for name, accuracies in measured.perturbed.items():
        right = {
            f"{strength:g}": int((classify(perturb(images, name, strength, 0)).argmax(axis=1) == labels).sum())
            for strength in PERTURBATIONS[name].strengths
        }
        assert accuracies == {strength: count / 60 for strength, count in right.items()}, name
        intervals = {strength: accuracy_interval(count, 60) for strength, count in right.items()}
        assert measured.perturbed_intervals[name] == intervals, name
    # A black square of three pixels hides some of the bright ones.
    assert measured.perturbed["occlusion"]["12"] < measured.perturbed["occlusion"]["4"] == 1


def test_the_mean_is_over_all_strengths_of_all_perturbations(images, labels):
    measured = measure_robustness(classify, images, labels, count=60, seed=0)
    every = [accuracy for accuracies in measured.perturbed.values() for accuracy in accuracies.values()]
    assert measured.mean_perturbed == pytest.approx(sum(every) / 18)
    assert measured.kept == measured.mean_perturbed  # of an accuracy of one
    low, high = measured.mean_perturbed_interval
    assert low < measured.mean_perturbed < high


def test_a_seed_gives_the_same_figures_again(images, labels):
    first, again, other = (measure_robustness(classify, images, labels, 60, seed) for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_of_a_sorted_file_every_class_is_perturbed(images, labels):
    order = np.argsort(labels, kind="stable")
    images, labels, seen = images[order], labels[order], []

    def remember(shown: np.ndarray) -> np.ndarray:
        seen.append(shown)
        return classify(shown)

    assert measure_robustness(remember, images, labels, count=12, seed=0).images == 12
    drawn = spread_sample(labels, 12, seed=0)
    assert np.bincount(labels[drawn]).tolist() == [4, 4, 4]
    assert any(np.array_equal(shown, images[drawn]) for shown in seen)
    assert {len(shown) for shown in seen} == {12}


def test_images_whose_answers_are_known_are_not_classified_again(images, labels):
    seen = []

    def remember(shown: np.ndarray) -> np.ndarray:
        seen.append(shown)
        return classify(shown)

    known = labels != 1  # said of the images as they are, whatever the classifier would answer
    measured = measure_robustness(remember, images, labels, count=12, seed=0, untouched=known)
    drawn = spread_sample(labels, 12, seed=0)
    assert measured.untouched == known[drawn].mean() == 8 / 12
    assert len(seen) == 18
    assert measured.perturbed == measure_robustness(classify, images, labels, count=12, seed=0).perturbed


def test_robustness_survives_json(images, labels):
    measured = measure_robustness(classify, images, labels, count=60, seed=0)
    written = json.dumps(asdict(measured), allow_nan=False)
    assert TypeAdapter(Robustness).validate_python(json.loads(written)) == measured


@pytest.mark.parametrize(
    ("untouched", "perturbed", "kept"),
    [(0, 0, 0.0), (0, 3, 0.0), (4, 0, 0.0), (4, 2, 0.5), (2, 1, 0.5), (4, 4, 1.0), (1, 4, 1.0)],
)
def test_what_is_kept_is_a_share_even_of_nothing_and_of_few_images(untouched, perturbed, kept):
    assert summarize(first(untouched, 4), {"blur": {"1": first(perturbed, 4)}}).kept == kept


def test_many_equal_answers_to_an_image_say_no_more_than_one():
    one = first(30, 40)
    robustness = summarize(one, {"blur": {"1": one, "2": one}, "noise": {"16": one}})
    assert robustness.mean_perturbed_interval == accuracy_interval(30, 40)


def test_independent_answers_say_as_much_as_so_many_images():
    # Every image is right under one of two perturbations: the mean is known better than from any number of images.
    robustness = summarize(first(40, 40), {"blur": {"1": first(20, 40), "2": ~first(20, 40)}})
    assert robustness.mean_perturbed_interval == accuracy_interval(20, 40)  # without a variance, caution
    nearly = summarize(first(40, 40), {"blur": {"1": first(20, 40), "2": ~first(21, 40)}})
    assert nearly.mean_perturbed_interval == accuracy_interval(39, 80)


@pytest.mark.parametrize("right", [0, 4])
def test_an_interval_of_few_images_that_are_all_alike_has_a_width(right):
    low, high = summarize(first(right, 4), {"blur": {"1": first(right, 4)}}).mean_perturbed_interval
    assert (low, high) == accuracy_interval(right, 4)
    assert high - low > 0.4


def test_the_interval_of_the_mean_holds_in_nineteen_of_twenty_samples():
    generator = np.random.default_rng(0)
    # Each image has a chance of its own to be right under any of four perturbations; their mean is 0.8.
    held = []
    for _ in range(400):
        answers = generator.random((4, 200)) < generator.beta(4, 1, size=200)
        low, high = summarize(answers[0], {"blur": dict(enumerate(answers))}).mean_perturbed_interval
        held.append(low <= 0.8 <= high)
    # The standard error of a share of 0.95 in 400 samples is 0.011.
    assert 0.95 - 0.035 < np.mean(held) < 0.95 + 0.035


def first(right: int, images: int) -> np.ndarray:
    """Right on the first images, wrong on all others."""
    return np.arange(images) < right
