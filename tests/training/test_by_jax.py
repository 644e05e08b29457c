"""Training on the JAX backend."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("by_jax.py")


@pytest.fixture(scope="module")
def answers(training_parameters, tmp_path_factory) -> dict[str, Any]:
    recipe = tmp_path_factory.mktemp("by_jax") / "recipe.json"
    recipe.write_text(json.dumps(asdict(training_parameters)))
    answered = subprocess.run(
        [sys.executable, SCRIPT, recipe],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert answered.returncode == 0, answered.stderr
    return json.loads(answered.stdout.splitlines()[-1])


def test_the_schedule_is_computed_once_a_step(answers):
    assert answers["schedule_calls"] == 1
