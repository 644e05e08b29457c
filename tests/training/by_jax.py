"""Answers on the JAX backend, as one line of JSON: a process of its own, since a process has one backend."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mnist_resnet.computing.backend import keras
from mnist_resnet.config import TrainingParameters
from mnist_resnet.training.optimizers import build_optimizer
from mnist_resnet.training.schedule import OneCycle


def schedule_calls(parameters: TrainingParameters) -> int:
    """How often the schedule is computed in a compiled step of three kernels that decay."""
    import jax

    calls, compute = [], OneCycle.__call__
    OneCycle.__call__ = lambda self, step: (calls.append(step), compute(self, step))[1]
    weights = [keras.Variable(np.ones((2, 2), "float32"), name="kernel") for _ in range(3)]
    optimizer = build_optimizer(10, parameters)
    optimizer.build(weights)
    values = [weight.value for weight in weights]
    jax.jit(optimizer.stateless_apply)([each.value for each in optimizer.variables], values, values)
    return len(calls)


QUESTIONS: dict[str, Callable[[TrainingParameters], Any]] = {"schedule_calls": schedule_calls}


def main(recipe: Path) -> None:
    """Answer all questions about a recipe."""
    assert keras.backend.backend() == "jax"
    parameters = TrainingParameters(**json.loads(recipe.read_text()))
    sys.stdout.write(json.dumps({name: question(parameters) for name, question in QUESTIONS.items()}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
