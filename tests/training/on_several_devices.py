"""Trainings on one, two and eight devices of JAX: a process of its own, which pretends that a CPU is eight devices."""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from mnist_resnet.computing.backend import keras
from mnist_resnet.computing.device import DeviceError
from mnist_resnet.config import ModelParameters, TrainingParameters
from mnist_resnet.data.split import Split
from mnist_resnet.models.resnet import build_network
from mnist_resnet.preprocessing import Preprocessing
from mnist_resnet.training.events import EpochResult, listening
from mnist_resnet.training.fit import train
from mnist_resnet.training.runtime import runtime


class _KilledError(Exception):
    pass


def _trained(
    split: Split, model: ModelParameters, parameters: TrainingParameters, checkpoint: Path | None = None
) -> tuple[keras.Model, list[EpochResult], dict[str, Any]]:
    with runtime(parameters):
        network = build_network(model, Preprocessing("pad", (10, 10), 50.0, 0.02), (8, 8), 3)
        history = train(network, split, parameters, "Made squares", checkpoint)
        places = {len(each.value.sharding.device_set) for each in network.variables}
        replicated = all(each.value.sharding.is_fully_replicated for each in network.variables)
    return network, history, {"devices": sorted(places), "replicated": replicated}


def _resumed(split: Split, model: ModelParameters, parameters: TrainingParameters, folder: Path) -> keras.Model:
    """Trained with an interruption after the first epoch."""

    def kill(result: EpochResult) -> NoReturn:
        raise _KilledError

    def stop(result: EpochResult) -> None:
        if result.epoch == 2:
            kill(result)

    try:
        with listening(stop):
            _trained(split, model, parameters, folder)
    except _KilledError:
        return _trained(split, model, parameters, folder)[0]
    raise AssertionError("it was not interrupted")


def _refusal(parameters: TrainingParameters) -> str:
    try:
        with runtime(parameters):
            return "none"
    except DeviceError as error:
        return str(error)


def main(folder: Path) -> None:
    """Train, and write weights and what else is asked."""
    given: Mapping[str, Any] = json.loads((folder / "given.json").read_text())
    model, parameters = ModelParameters(**given["model"]), TrainingParameters(**given["training"])
    split = Split(**np.load(folder / "split.npz"))
    answers: dict[str, Any] = {}
    for devices, steps in product((1, 2, 8), (1, 3)):
        images = steps * parameters.batch_size
        part = split._replace(train_images=split.train_images[:images], train_labels=split.train_labels[:images])
        network, (epoch,), answers[f"sharding {devices}"] = _trained(part, model, replace(parameters, devices=devices))
        answers[f"{devices} after {steps}"] = asdict(epoch)
        np.savez(folder / f"{devices} after {steps}.npz", *network.get_weights())
    longer = replace(parameters, epochs=2, devices="all")
    np.savez(folder / "undisturbed.npz", *_trained(split, model, longer)[0].get_weights())
    np.savez(folder / "resumed.npz", *_resumed(split, model, longer, folder / "checkpoint").get_weights())
    refused = {"nine": {"devices": 9}, "indivisible": {"devices": "all", "batch_size": 60}}
    answers |= {name: _refusal(replace(parameters, **changes)) for name, changes in refused.items()}
    answers["left behind"] = keras.distribution.distribution() is not None
    (folder / "answers.json").write_text(json.dumps(answers))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
