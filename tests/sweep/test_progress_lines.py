"""The lines of a running sweep."""

import sys
from dataclasses import replace

import pytest

from mnist_resnet.sweep.plan import SweepPlan, Trial
from mnist_resnet.sweep.progress_lines import ProgressLines
from mnist_resnet.sweep.trial_result import TrialResult
from tests.sweep.made_results import RATE, SEED, failed, figures, plan_of, result

TRIALS = [Trial(number, {RATE: 0.1 * (number + 1), SEED: number}) for number in range(4)]


class Followed:
    def __init__(self, plan: SweepPlan) -> None:
        self.said: list[str] = []
        self.now = 100.0
        self.lines = ProgressLines(plan, self.said.append, lambda: self.now)


@pytest.fixture
def followed() -> Followed:
    return Followed(plan_of(*TRIALS))


def test_a_trial_has_a_line_as_it_starts_and_one_as_it_ends(followed: Followed) -> None:
    followed.lines.started(TRIALS[1])
    followed.now += 30
    followed.lines.ended(result(TRIALS[1], 0.0312))
    assert followed.said == [
        "Trial 1 starts: learning_rate=0.2, seed=1",
        "Trial 1 finished after 10 s. mnist: validation loss 0.0312, validation accuracy 0.9800, test accuracy 0.9900, "
        "2 epochs. Best so far: trial 1 with validation loss 0.0312. 1 of 4 done, about 1 min 30 s left",
    ]


def test_a_single_epoch_is_told_as_one(followed: Followed) -> None:
    once = replace(figures(0.1), epochs=1)
    followed.lines.ended(TrialResult(TRIALS[0], "FINISHED", None, 1.0, {"mnist": once}))
    assert "test accuracy 0.9900, 1 epoch. Best so far" in followed.said[0]


def test_a_failure_is_told_and_the_best_stays(followed: Followed) -> None:
    followed.lines.ended(result(TRIALS[0], 0.2))
    followed.now += 20
    followed.lines.ended(failed(TRIALS[1]))
    assert followed.said[-1] == (
        "Trial 1 failed after 3 s. MNIST: the loss is nan at step 12. "
        "Best so far: trial 0 with validation loss 0.2000. 2 of 4 done, about 20 s left"
    )


def test_the_last_one_leaves_nothing(followed: Followed) -> None:
    for trial in TRIALS:
        followed.lines.ended(result(trial, 0.1, "PRUNED"))
    assert followed.said[-1].startswith("Trial 3 pruned after 10 s. mnist: validation loss 0.1000")
    assert followed.said[-1].endswith("2 epochs. 4 of 4 done")


def test_a_resumed_sweep_counts_what_is_done_but_not_its_time(followed: Followed) -> None:
    followed.lines.resumed([result(TRIALS[0], 0.05), result(TRIALS[1], status="KILLED")])
    followed.lines.restarted(TRIALS[1], "its worker was lost")
    followed.now += 60
    followed.lines.ended(result(TRIALS[1], 0.2))
    assert followed.said[:2] == [
        "Resumed: 1 of 4 trials are done",
        "Trial 1 is started again from its checkpoint: its worker was lost",
    ]
    assert followed.said[-1].endswith(
        "Best so far: trial 0 with validation loss 0.0500. 2 of 4 done, about 2 min 0 s left"
    )


def test_each_of_several_data_sets_has_its_best() -> None:
    followed = Followed(plan_of(*TRIALS, namespaces=("mnist", "fashion_mnist")))
    followed.lines.started(TRIALS[0])
    both = {"mnist": figures(0.1), "fashion_mnist": figures(None, test=None)}
    followed.lines.ended(TrialResult(TRIALS[0], "FINISHED", None, 1.0, both))
    followed.lines.ended(TrialResult(TRIALS[1], "FINISHED", None, 1.0, {name: figures(0.2) for name in both}))
    assert followed.said[0] == "Trial 0 starts: mnist.training.learning_rate=0.1, mnist.training.seed=0"
    assert "; fashion_mnist: 2 epochs. Best so far: trial 0" in followed.said[1]
    assert "mnist trial 0 with validation loss 0.1000, fashion_mnist trial 1 with validation" in followed.said[2]


def test_an_interrupted_sweep_tells_how_to_continue(followed: Followed) -> None:
    followed.lines.say_how_to_resume("SIGINT")
    followed.lines.recorded("abc", "MLflow run: abc in sqlite:///mlflow.db")
    followed.lines.say_how_to_resume("SIGINT")
    assert followed.said == [
        "Interrupted by SIGINT",
        "MLflow run: abc in sqlite:///mlflow.db",
        "Interrupted by SIGINT. To continue: kedro sweep --resume abc",
    ]


def test_what_continues_a_sweep_has_the_variables_that_it_was_started_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    followed = Followed(plan_of(*TRIALS))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "set by MLflow")
    followed.lines.recorded("abc", "")
    followed.lines.say_how_to_resume("SIGINT")
    assert followed.said[-1].endswith("To continue: KERAS_BACKEND=jax kedro sweep --resume abc")


def test_what_continues_a_sweep_is_the_program_that_was_typed(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["/bin/mnist_resnet", "sweep"])
    followed.lines.recorded("abc", "")
    followed.lines.say_how_to_resume("SIGINT")
    assert followed.said[-1].endswith("To continue: mnist_resnet sweep --resume abc")
