"""Train the tiny network on made arrays: a process to be killed at any moment.

It writes a line for each step, and then waits for one, as long as there is somebody to write it.
"""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from mnist_resnet.config import ModelParameters, TrainingParameters
from mnist_resnet.data.split import Split
from mnist_resnet.models.resnet import build_network
from mnist_resnet.preprocessing import Preprocessing
from mnist_resnet.terminal.progress import Advance
from mnist_resnet.training import fit
from mnist_resnet.training.runtime import runtime


@contextmanager
def each_step(description: str, *_: Any) -> Iterator[Advance]:
    """Progress as plain lines, one for each step."""

    def advance(amount: float, detail: str = "") -> None:
        sys.stdout.write(f"step: {description}\n")
        sys.stdout.flush()
        sys.stdin.readline()

    yield advance


def main(folder: Path) -> None:
    """Do what is described in ``folder``, keep the checkpoint there, and leave the weights and the history."""
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="log: %(message)s")
    recipe = json.loads((folder / "recipe.json").read_text())
    training = TrainingParameters(**recipe["training"])
    with np.load(folder / "split.npz") as arrays:
        split = Split(**arrays)
    fit.progress = each_step
    with runtime(training):
        network = build_network(
            ModelParameters(**recipe["model"]),
            Preprocessing(**recipe["preprocessing"]),
            split.train_images.shape[1:],
            3,
        )
        history = fit.train(network, split, training, "Killed", folder / "checkpoint")
    figures = [(result.train_loss, result.validation_loss) for result in history]
    (folder / "figures.json").write_text(json.dumps(figures))
    np.savez(folder / "weights.npz", *network.get_weights())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
