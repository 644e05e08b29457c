"""Answers on the JAX backend, as one line of JSON: a process of its own, since a process has one backend."""

import json
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mnist_resnet.computing.backend import keras
from mnist_resnet.config import ModelParameters, TrainingParameters
from mnist_resnet.data.split import Split
from mnist_resnet.models.resnet import build_network
from mnist_resnet.preprocessing import Preprocessing
from mnist_resnet.training.batches import Batches, feed
from mnist_resnet.training.fit import TrainingError, train
from mnist_resnet.training.network_spec import NetworkSpec
from mnist_resnet.training.optimizers import build_optimizer
from mnist_resnet.training.runtime import runtime
from mnist_resnet.training.schedule import OneCycle

STEPS = 12


@dataclass(frozen=True)
class Case:
    """A training that can be had in other ways, too."""

    model: ModelParameters
    preprocessing: Preprocessing
    training: TrainingParameters
    split: Split

    def rates(self, logits: float = 1.0, **changes: Any) -> list[float]:
        """The recorded learning rates; ``logits`` is a factor of the last kernel."""
        parameters = replace(self.training, **changes)
        with runtime(parameters):
            network = build_network(self.model, self.preprocessing, self.split.train_images.shape[1:], 3)
            kernel = network.get_layer("logits").kernel
            kernel.assign(logits * kernel)
            return [result.learning_rate for result in train(network, self.split, parameters, "By JAX")]


def rates(case: Case) -> list[float]:
    """Those that are recorded."""
    return case.rates()


def rates_with_skipped_steps(case: Case) -> list[float]:
    """Those that are recorded where the first gradients overflow."""
    return case.rates(logits=100, precision="mixed_float16")


def diagnosis(case: Case) -> str:
    """What is said of a loss that is not finite."""
    try:
        return f"no error, but {case.rates(learning_rate=1e30)}"
    except TrainingError as error:
        return str(error)


def decays(case: Case) -> list[float]:
    """What each step takes from a weight of 1 by decay alone, where every third one is skipped."""
    import jax

    parameters = replace(case.training, precision="mixed_float16")
    with runtime(parameters):
        optimizer = build_optimizer(STEPS, parameters)
    kernel, taken = keras.Variable(np.ones((2, 2), "float32"), name="kernel"), []
    optimizer.build([kernel])
    variables, step = [each.value for each in optimizer.variables], jax.jit(optimizer.stateless_apply)
    for number in range(STEPS):
        gradient = np.full((2, 2), np.inf if number % 3 == 0 else 0, "float32")
        (weight,), variables = step(variables, [gradient], [np.ones((2, 2), "float32")])
        taken.append(1 - float(weight[0, 0]))
    return taken


def schedule_calls(case: Case) -> int:
    """How often the schedule is computed in a compiled step of three kernels that decay."""
    import jax

    calls, compute = [], OneCycle.__call__
    OneCycle.__call__ = lambda self, step: (calls.append(step), compute(self, step))[1]
    weights = [keras.Variable(np.ones((2, 2), "float32"), name="kernel") for _ in range(3)]
    optimizer = build_optimizer(STEPS, case.training)
    optimizer.build(weights)
    values = [weight.value for weight in weights]
    jax.jit(optimizer.stateless_apply)([each.value for each in optimizer.variables], values, values)
    return len(calls)


def small_first(case: Case) -> bool:
    """Whether a first epoch on "small" images of full size leaves the weights what they are without."""
    resizing = replace(case.preprocessing, method="resize", size=(8, 8))
    spec = NetworkSpec(case.model, resizing, case.split.train_images.shape[1:], 3)
    parameters = replace(case.training, average_decay=0.5, optimizer="adam", small_size=(8, 8))
    weights = []
    for epochs in (0, 1):
        with runtime(parameters):
            network, _ = spec.train(case.split, replace(parameters, small_epochs=epochs), "By JAX", None)
        weights.append(network.get_weights())
    return all(map(np.array_equal, *weights))


def batches_ahead(_: Case) -> bool:
    """Whether the batches 1 and 2 are made while the step of batch 0 goes on."""
    third, ahead = threading.Event(), []

    def make(number: int) -> tuple[np.ndarray, np.ndarray]:
        if number == 2:
            third.set()
        return np.full((1, 1), number, "float32"), np.full(1, number, np.int32)

    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    network.compile("sgd", "mse")
    wait = keras.callbacks.LambdaCallback(on_train_batch_end=lambda step, logs: ahead.append(third.wait(10)))
    with feed(Batches(9, make)) as fed:
        network.fit(fed, shuffle=False, verbose=0, callbacks=[wait])
    return ahead[0]


QUESTIONS: list[Callable[[Case], Any]] = [
    rates,
    rates_with_skipped_steps,
    diagnosis,
    decays,
    schedule_calls,
    small_first,
    batches_ahead,
]


def main(folder: Path) -> None:
    """Answer all questions about the training that ``folder`` describes."""
    assert keras.backend.backend() == "jax"
    recipe = json.loads((folder / "recipe.json").read_text())
    with np.load(folder / "split.npz") as arrays:
        case = Case(
            ModelParameters(**recipe["model"]),
            Preprocessing(**recipe["preprocessing"]),
            TrainingParameters(**recipe["training"]),
            Split(**arrays),
        )
    sys.stdout.write(json.dumps({question.__name__: question(case) for question in QUESTIONS}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
