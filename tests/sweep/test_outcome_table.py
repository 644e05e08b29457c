"""What a terminal shows of a sweep."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from mnist_resnet.sweep.outcome import SweepOutcome, outcome_of
from mnist_resnet.sweep.outcome_table import MOST_ROWS, as_tables, duration, shown_keys, shown_value
from mnist_resnet.sweep.plan import Trial
from tests.sweep.made_results import NESTEROV, RATE, SEED, failed, made_sweep, plan_of, result


def shown(outcome: SweepOutcome) -> str:
    console = Console(file=io.StringIO(), width=160)
    for part in as_tables(outcome):
        console.print(part)
    return console.file.getvalue()


def test_seeds_are_one_line_of_mean_deviation_worst_and_best() -> None:
    trials = [Trial(number, {SEED: number}) for number in range(3)]
    results = [result(trial, test=accuracy) for trial, accuracy in zip(trials, (0.97, 0.98, 0.99), strict=True)]
    text = shown(outcome_of(plan_of(*trials), results, 61.0, "parent"))
    assert "│      3 │ 0.1000 ± 0.0000 │     0.9800 ± 0.0000 │ 0.9800 ± 0.0100 │ 0.9700 │ 0.9900 │  10 ± 0 │" in text
    assert "mnist: best by validation loss is trial 0 (mnist.training.seed=0): validation loss 0.1000" in text
    assert "3 trials: 3 finished; 1 min 1 s" in text


def test_a_grid_is_a_line_for_each_point_the_best_first_without_columns_that_are_empty() -> None:
    trials = [Trial(number, {RATE: 0.1 * number, NESTEROV: True}) for number in range(1, 4)]
    results = [result(trial, 1 / trial.number, test=None) for trial in trials]
    lines = [line for line in shown(outcome_of(plan_of(*trials), results, 61.0, "parent")).splitlines() if "│ " in line]
    assert [line.split("│")[1].strip() for line in lines] == ["0.3", "0.2", "0.1"]
    assert "test accuracy" not in "".join(lines)
    assert "worst" not in "".join(lines)


def test_of_many_points_the_best_are_shown() -> None:
    trials = [Trial(number, {RATE: 0.01 * number}) for number in range(MOST_ROWS + 5)]
    assert "5 more in sweep.json" in shown(made_sweep(plan_of(*trials)))


def test_each_reason_is_told_once_without_credentials() -> None:
    trials = [Trial(number, {SEED: number}) for number in range(4)]
    away = replace(failed(trials[3]), reason="https://me:secret@host does not answer")
    results = [result(trials[0]), failed(trials[1]), failed(trials[2]), away]
    text = shown(outcome_of(plan_of(*trials), results, 5.0, "parent"))
    assert "Trials 1, 2 failed: MNIST: the loss is nan at step 12\n" in text
    assert "Trial 3 failed: https://host does not answer\n" in text
    assert "4 trials: 1 finished, 3 failed; 5 s" in text


def test_a_sweep_without_results_says_so() -> None:
    assert shown(outcome_of(plan_of(Trial(0, {SEED: 0})), [], 5.0, "parent")) == "1 trial: 1 not begun; 5 s\n"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (200, "3 min 20 s"),
        (3599.9, "1 h 0 min"),
        (7500, "2 h 5 min"),
    ],
)
def test_times_are_told_as_people_read_them(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_keys_are_shown_without_what_they_have_in_common() -> None:
    assert list(shown_keys([RATE, NESTEROV], ["mnist"]).values()) == ["learning_rate", "nesterov"]
    assert list(shown_keys([RATE, "mnist.model.head"], ["mnist"]).values()) == ["training.learning_rate", "model.head"]
    assert shown_keys([RATE], ["mnist", "fashion_mnist"]) == {RATE: RATE}
    assert shown_keys([], ["mnist"]) == {}


def test_values_are_short() -> None:
    values = (0.123456789, 1e-6, 3, True, None, [32, 32], "sgd")
    assert [*map(shown_value, values)] == ["0.1235", "1e-06", "3", "true", "null", "[32, 32]", "sgd"]


def test_without_a_winner_the_reason_is_told() -> None:
    trials = [Trial(number, {"mnist.data.training_images": 1000 * (number + 1)}) for number in range(2)]
    text = shown(outcome_of(plan_of(*trials), map(result, trials), 5.0, "parent"))
    assert "mnist: no winner, since there is no validation loss that trials can be compared by" in text
