"""Training on the JAX backend."""

import json
import os
import re
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_resnet.training.schedule import rate_at
from tests.training.by_jax import STEPS as SCHEDULED_STEPS

SCRIPT = Path(__file__).with_name("by_jax.py")


@pytest.fixture(scope="module")
def recipe(training_parameters):
    return replace(training_parameters, weight_decay=0.5, precision="float32")


@pytest.fixture(scope="module")
def answers(recipe, model_parameters, preprocessing, made_split, tmp_path_factory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("by_jax")
    np.savez(folder / "split.npz", **made_split._asdict())
    parts = {"model": model_parameters, "preprocessing": preprocessing, "training": recipe}
    (folder / "recipe.json").write_text(json.dumps({key: asdict(part) for key, part in parts.items()}))
    answered = subprocess.run(
        [sys.executable, SCRIPT, folder],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert answered.returncode == 0, answered.stderr
    return json.loads(answered.stdout.splitlines()[-1])


@pytest.fixture
def expected(recipe, made_split):
    """The rates after each epoch; two libraries compute them in float32."""
    steps = len(made_split.train_labels) // recipe.batch_size
    rates = [rate_at(epoch * steps, steps * recipe.epochs, recipe) for epoch in range(1, recipe.epochs + 1)]
    return pytest.approx(rates, rel=1e-6)


def test_the_recorded_rate_is_that_of_the_step_after_the_epoch(answers, expected):
    assert answers["rates"] == expected


def test_steps_that_loss_scaling_skips_count_in_the_recorded_rate(answers, expected):
    assert answers["rates_with_skipped_steps"] == expected


def test_steps_that_loss_scaling_skips_count_in_the_schedule(answers, recipe):
    rates = [0 if step % 3 == 0 else rate_at(step, SCHEDULED_STEPS, recipe) for step in range(SCHEDULED_STEPS)]
    # The weight of 1 is rounded to 6e-8.
    np.testing.assert_allclose(answers["decays"], recipe.weight_decay * np.array(rates), rtol=0, atol=1e-7)


def test_a_loss_that_is_not_finite_is_said_with_the_rate_of_its_step(answers, recipe):
    pattern = r"By JAX: the loss is (nan|inf) at step (\d+), the learning rate (\S+)\. Lower.*"
    (said,) = re.finditer(pattern, answers["diagnosis"])
    step = int(said[2])
    assert 2 <= step <= 12
    assert said[3] == f"{rate_at(step - 1, 24, replace(recipe, learning_rate=1e30)):.3g}"


def test_the_schedule_is_computed_once_a_step(answers):
    assert answers["schedule_calls"] == 1


def test_epochs_on_small_images_go_on_from_the_same_weights_and_averages(answers):
    assert answers["small_first"]


def test_batches_are_made_before_they_are_asked_for(answers):
    assert answers["batches_ahead"]
