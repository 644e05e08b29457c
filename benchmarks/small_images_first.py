"""A recipe whose first epochs see smaller images (progressive resizing): what its network comes to for its minutes.

    .venv/bin/python benchmarks/small_images_first.py accurate fashion_mnist --size 20 --epochs 21 \
        --changed training.epochs=44

It prints what `benchmarks/gpu_recipe.py` prints, without the device, on whatever Keras computes on. A network of these
sizes has the same weights for each of them, since it averages over all places at its end.
"""

import argparse
import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from gpu_recipe import outcome, read_published
from recipes import as_parameters, recipe_parameters

from mnist_resnet.config import NamespaceParameters, TrainingParameters
from mnist_resnet.data.split import Split, split
from mnist_resnet.models.resnet import build_network
from mnist_resnet.preprocessing import fit_preprocessing
from mnist_resnet.training.epochs import EpochEnd, Epochs
from mnist_resnet.training.placement import make_suitable_epochs
from mnist_resnet.training.streaming import Draws
from mnist_resnet.training.trainee import build_trainee
from mnist_resnet.training.watch import StepWatch

_CLASSES = 10


class SmallFirst:
    """Epochs on small images until a step of the training, and on large ones from there on.

    Weights and optimizer are those of the large trainee; the small one has a copy for the length of an epoch.

    Args:
        small: Epochs on small images.
        large: Epochs on large ones.
        trainees: Of both, in this order.
        steps: How many steps are taken on small images.
    """

    def __init__(self, small: Epochs, large: Epochs, trainees: tuple[keras.Model, keras.Model], steps: int) -> None:
        self._small, self._large, self._trainees, self._steps = small, large, trainees, steps
        self._present = small

    def run(self, draws: Draws, watch: StepWatch) -> EpochEnd:
        """Train for one epoch."""
        self._present = self._small if watch.first_step < self._steps else self._large
        if self._present is self._large:
            return self._large.run(draws, watch)
        small, large = self._trainees
        _copy(large, small)
        end = self._small.run(draws, watch)
        _copy(small, large)
        return end

    def validate(self) -> tuple[float, float]:
        """Loss and accuracy on the validation images, at the size of the epoch that has just been trained."""
        return self._present.validate()


def _copy(source: keras.Model, target: keras.Model) -> None:
    target.set_weights(source.get_weights())
    for trainee in (source, target):
        trainee.optimizer.build(trainee.trainable_variables)
    for to, value in zip(target.optimizer.variables, source.optimizer.variables, strict=True):
        to.assign(np.asarray(keras.ops.convert_to_numpy(value)))


def small_first(parameters: NamespaceParameters, size: int, epochs: int) -> Any:
    """What ``train`` takes as ``make_epochs``.

    Args:
        parameters: Of the data set; the network's own size is that of ``preprocessing``.
        size: Height and width of the small images in pixels; raw images are resized to them.
        epochs: How many see small images, at the beginning.
    """

    def make(trainee: keras.Model, network: keras.Model, parts: Split, training: TrainingParameters) -> SmallFirst:
        fitted = fit_preprocessing(parts.train_images, parameters.preprocessing)
        resized = replace(fitted, method="resize", size=(size, size))
        small_network = build_network(parameters.model, resized, parts.train_images.shape[1:], _CLASSES)
        steps = len(parts.train_labels) // training.batch_size
        small_trainee = build_trainee(small_network, steps * training.epochs, training)
        small = make_suitable_epochs(small_trainee, small_network, parts, training)
        large = make_suitable_epochs(trainee, network, parts, training)
        return SmallFirst(small, large, (small_trainee, trainee), epochs * steps)

    return make


def main() -> None:
    """Print a row for each seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", help="a folder of conf/")
    parser.add_argument("data_set", choices=("mnist", "fashion_mnist"))
    parser.add_argument("--size", type=int, required=True, help="height and width of the small images, in pixels")
    parser.add_argument("--epochs", type=int, required=True, help="how many see small images")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--changed", default="", help="what differs from the recipe, as in docs/results/seeds.csv")
    parser.add_argument("--raw", type=Path, default=Path("data/01_raw"), help="folder of both data sets' IDX files")
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    published = read_published(asked.raw / asked.data_set, "train")
    for seed in asked.seeds:
        changed = as_parameters(asked.changed) | {"training.seed": seed}
        parameters = recipe_parameters(asked.recipe, asked.data_set, changed)
        make_epochs = small_first(parameters, asked.size, asked.epochs)
        figures = outcome(parameters, split(*published, parameters.data), None, make_epochs)
        small = {"size": asked.size, "small_epochs": asked.epochs}
        print(json.dumps({"data_set": asked.data_set, "recipe": asked.recipe, "seed": seed} | small | figures))


if __name__ == "__main__":
    main()
