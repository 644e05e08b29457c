"""A rank of a training on several hosts, without Ray: one of some processes of this machine, or the only one."""

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from mnist_resnet.computing.backend import keras
from mnist_resnet.config import ModelParameters, TrainingParameters
from mnist_resnet.data.split import Split
from mnist_resnet.preprocessing import Preprocessing
from mnist_resnet.training.epochs.image_placement import make_suitable_epochs
from mnist_resnet.training.fit import train
from mnist_resnet.training.network_spec import NetworkSpec
from mnist_resnet.training.runtime import runtime

PREPROCESSING, SIZE, CLASSES = Preprocessing("pad", (10, 10), 50.0, 0.02), (8, 8), 3


class _Seen:
    """Trains as usual, and notes how the batches that reach the loss are shared."""

    def __init__(self) -> None:
        self.shardings: set[str] = set()

    def make_epochs(self, trainee: keras.Model, network: keras.Model, split: Split, parameters: Any) -> Any:
        computed = trainee.compute_loss

        def compute_loss(x: Any, y: Any, y_pred: Any, *others: Any, **more: Any) -> Any:
            for array in (x["image"], y_pred):
                jax.debug.inspect_array_sharding(array, callback=self._note)
            return computed(x, y, y_pred, *others, **more)

        trainee.compute_loss = compute_loss
        return make_suitable_epochs(trainee, network, split, parameters)

    def _note(self, sharding: Any) -> None:
        replicated = "replicated" if sharding.is_fully_replicated else "divided"
        self.shardings.add(f"{replicated} among {len(sharding.device_set)}")


def main(folder: Path, rank: int, ranks: int, port: int) -> None:
    """Train, and write weights, figures, and where they were."""
    if ranks > 1:
        jax.distributed.initialize(f"127.0.0.1:{port}", ranks, rank)
    given: Mapping[str, Any] = json.loads((folder / "given.json").read_text())
    spec = NetworkSpec(ModelParameters(**given["model"]), PREPROCESSING, SIZE, CLASSES)
    parameters = TrainingParameters(**given["training"])
    parameters = replace(parameters, hosts=ranks, devices=parameters.devices if ranks > 1 else 1)
    split, answers = Split(**np.load(folder / "split.npz")), {}
    for steps in (1, 3):
        images = steps * parameters.batch_size
        part = split._replace(train_images=split.train_images[:images], train_labels=split.train_labels[:images])
        seen = _Seen()
        checkpoint = folder / f"checkpoint {rank} of {ranks}"
        with runtime(parameters) as device:
            network = spec.build()
            (epoch,) = train(network, part, parameters, "Made squares", checkpoint, seen.make_epochs)
            variables = [each.value.sharding for each in network.variables]
        np.savez(folder / f"{steps} steps, {rank} of {ranks}.npz", *network.get_weights())
        answers[f"{steps} steps"] = {
            "devices": device.count,
            "variables": sorted({f"{each.is_fully_replicated} on {len(each.device_set)}" for each in variables}),
            "batches": sorted(seen.shardings),
            "figures": [epoch.train_loss, epoch.train_accuracy, epoch.validation_loss, epoch.validation_accuracy],
            "written": sorted(path.name for path in checkpoint.glob("*")),
        }
    (folder / f"{rank} of {ranks}.json").write_text(json.dumps(answers))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
