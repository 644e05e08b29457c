"""The pictures of a sweep: that each can be drawn, and shows all trials. A warning would fail these tests."""

import io
import random

import pytest

from mnist_resnet.sweep.outcome import SweepOutcome, outcome_of
from mnist_resnet.sweep.plan import Trial
from mnist_resnet.sweep.plots import draw
from mnist_resnet.sweep.trial_accuracies import TrialAccuracies
from mnist_resnet.sweep.trial_result import Status
from tests.sweep.made_results import RATE, SEED, failed, made_sweep, plan_of, result

EVERY_STATUS: tuple[Status, ...] = ("FINISHED", "FINISHED", "PRUNED", "FAILED", "KILLED")
LONG = "mnist.evaluation.robustness.validation_images"


def searched(count: int, *keys: str) -> list[Trial]:
    chance = random.Random(count)  # noqa: S311  # no secret
    values = {
        RATE: lambda: 10 ** chance.uniform(-2, 0.3),
        "mnist.training.optimizer": lambda: chance.choice(["sgd", "adam"]),
        "mnist.preprocessing.size": lambda: chance.choice([[28, 28], [32, 32]]),
        "mnist.training.average_decay": lambda: chance.choice([None, 0.99]),
        LONG: lambda: chance.choice(range(100, 1000)),
    }
    return [Trial(number, {key: values[key]() for key in keys or values}) for number in range(count)]


def drawn(outcome: SweepOutcome) -> list[str]:
    pictures = draw(outcome)
    for figure in pictures.values():
        figure.savefig(io.BytesIO(), format="png", dpi=50)
    return list(pictures)


@pytest.mark.parametrize("count", [1, 3, 40])
def test_seeds_alone_are_a_strip(count: int) -> None:
    plan = plan_of(*(Trial(number, {SEED: number}) for number in range(count)))
    assert drawn(made_sweep(plan)) == ["mnist/accuracy_by_seed.png"]


@pytest.mark.parametrize("count", [1, 3, 40])
def test_parameters_are_panels_and_parallel_coordinates(count: int) -> None:
    outcome = made_sweep(plan_of(*searched(count)), statuses=EVERY_STATUS)
    assert drawn(outcome) == ["mnist/accuracy_by_parameter.png", "mnist/parallel_coordinates.png"]
    panels = draw(outcome)["mnist/accuracy_by_parameter.png"].axes
    assert [axes.get_xlabel() for axes in panels][-1] == "evaluation.robustness.validation_images"
    shown = [sum(len(points.get_offsets()) for points in axes.collections) for axes in panels]
    expected = sum(result.status != "KILLED" for result in outcome.trials) + len(outcome.winners)
    assert shown == [expected] * 5


def test_one_parameter_needs_no_parallel_coordinates() -> None:
    assert drawn(made_sweep(plan_of(*searched(4, RATE)))) == ["mnist/accuracy_by_parameter.png"]


def test_each_data_set_has_its_pictures_of_its_parameters() -> None:
    trials = [Trial(number, {RATE: 0.1 * number, "fashion_mnist.training.seed": number}) for number in range(1, 4)]
    outcome = made_sweep(plan_of(*trials, namespaces=("mnist", "fashion_mnist")))
    assert drawn(outcome) == ["mnist/accuracy_by_parameter.png", "fashion_mnist/accuracy_by_seed.png"]


def test_without_validation_images_the_accuracy_is_that_of_the_test_images() -> None:
    trials = searched(3, RATE)
    outcome = outcome_of(plan_of(*trials), [result(trial, None) for trial in trials], 1.0, "parent")
    assert draw(outcome)["mnist/accuracy_by_parameter.png"].axes[0].get_ylabel() == "test accuracy"


def test_without_a_finished_trial_there_is_no_picture() -> None:
    trials = searched(2)
    results = [failed(trials[0]), result(trials[1], 0.1, "PRUNED")]
    assert drawn(outcome_of(plan_of(*trials), results, 1.0, "parent")) == []


def test_a_trial_far_below_all_others_does_not_hide_their_differences() -> None:
    trials = searched(9, RATE)
    accuracies = [0.98 + 0.001 * number for number in range(8)] + [0.1]
    results = [result(trial, 0.1, accuracy=each) for trial, each in zip(trials, accuracies, strict=True)]
    shown = TrialAccuracies(outcome_of(plan_of(*trials), results, 1.0, "parent"), "mnist")
    low, high = shown.limits
    assert 0.97 < low < 0.98 < 0.987 < high < 0.99
    assert shown.has_below()
    assert (shown.height(0.1), shown.height(1.0)) == (0, 1)


@pytest.mark.parametrize("accuracy", [0.0, 1.0, 0.5])
def test_equal_accuracies_have_room_around_them_within_0_and_1(accuracy: float) -> None:
    trial = Trial(0, {RATE: 0.1})
    outcome = outcome_of(plan_of(trial), [result(trial, 0.1, accuracy=accuracy)], 1.0, "parent")
    low, high = TrialAccuracies(outcome, "mnist").limits
    assert 0 <= low < high <= 1
