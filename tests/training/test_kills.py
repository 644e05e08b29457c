"""A training that is killed, again and again, ends with the weights of one that is left alone."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).with_name("killed_training.py")
STEPS = 12  # of an epoch: 192 images in batches of 16


@pytest.fixture
def recipe(training_parameters):
    """With everything that has to outlive a kill."""
    return replace(
        training_parameters, optimizer="adam", learning_rate=0.005, average_decay=0.8, keep_best_epoch=True, max_shift=2
    )


@pytest.fixture
def prepare(tmp_path, made_split, model_parameters, preprocessing):
    """Write down a training, in a folder of its own."""

    def prepare(name: str, parameters) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        np.savez(folder / "split.npz", **made_split._asdict())
        parts = {"model": model_parameters, "preprocessing": preprocessing, "training": parameters}
        (folder / "recipe.json").write_text(json.dumps({key: asdict(part) for key, part in parts.items()}))
        return folder

    return prepare


def start(folder: Path, stdin: int) -> subprocess.Popen:
    command = [sys.executable, SCRIPT, folder]
    with (folder / "errors.txt").open("a") as errors:
        return subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=errors, text=True)


def finish(folder: Path) -> list[str]:
    """All lines of a training that nobody kills."""
    with start(folder, subprocess.DEVNULL) as process:
        lines = process.stdout.read().splitlines()
    assert process.returncode == 0, (folder / "errors.txt").read_text()
    return lines


def kill_within(folder: Path, epoch: int, generator: np.random.Generator) -> list[str]:
    """All lines of a training that is killed within an epoch, counted from 1, or while that is written down."""
    target, delay, lines = generator.integers(1, STEPS), generator.uniform(0, 0.2), []
    with start(folder, subprocess.PIPE) as process:
        for line in process.stdout:
            lines.append(line.strip())
            step = sum(f"epoch {epoch} of" in line for line in lines if line.startswith("step: "))
            if line.startswith("step: "):
                # It may go to the end of the epoch before the kill comes, but no further.
                process.stdin.write("\n" * (STEPS - step if step == target else 1))
                process.stdin.flush()
            if step == target:
                time.sleep(delay)
                process.kill()
                break
        lines += process.stdout.read().splitlines()
    assert process.returncode == -signal.SIGKILL, (folder / "errors.txt").read_text()
    return lines


def resumed_after(lines: list[str]) -> int:
    """How many epochs a training took from its checkpoint, by its own word."""
    words = [line for line in lines if "resuming after epoch" in line]
    return int(words[0].split("resuming after epoch ")[1].split()[0]) if words else 0


def assert_kills_change_nothing(prepare, recipe, kills: int, seed: int) -> None:
    recipe, generator = replace(recipe, epochs=kills + 2), np.random.default_rng(seed)
    alone, killed = prepare("alone", recipe), prepare("killed", recipe)
    assert resumed_after(finish(alone)) == 0

    # Within the second epoch, then within the third, and so on.
    reached = 0
    for epoch in range(2, kills + 2):
        lines = kill_within(killed, epoch, generator)
        assert reached <= resumed_after(lines) < epoch
        reached = epoch - 1
        assert not (killed / "weights.npz").exists()
    lines = finish(killed)
    assert reached <= resumed_after(lines) < recipe.epochs
    assert len([line for line in lines if line.startswith("step: ")]) == STEPS * (recipe.epochs - resumed_after(lines))

    assert (killed / "figures.json").read_text() == (alone / "figures.json").read_text()
    with np.load(alone / "weights.npz") as expected, np.load(killed / "weights.npz") as weights:
        assert weights.files == expected.files
        for name in expected.files:
            np.testing.assert_array_equal(weights[name], expected[name])


@pytest.mark.landing
def test_a_training_killed_twice_ends_with_the_same_weights(prepare, recipe):
    assert_kills_change_nothing(prepare, recipe, kills=2, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{}, {"optimizer": "sgd", "learning_rate": 0.05, "average_decay": None}])
def test_a_training_killed_eight_times_ends_with_the_same_weights(prepare, recipe, changes):
    assert_kills_change_nothing(prepare, replace(recipe, **changes), kills=8, seed=1)
