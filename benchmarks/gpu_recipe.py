"""A recipe trained on a GPU's machine that has jax, but neither Kedro nor TensorFlow: what its networks come to.

    KERAS_BACKEND=jax python benchmarks/gpu_recipe.py accurate fashion_mnist --seeds 0 1 2 --test --raw data/01_raw

It prints a row of docs/results/seeds.csv for each seed, as JSON; `benchmarks/seeds.py --rows` adds them. Accuracy is
that of the trained network, on the device, over both views where the recipe averages them. The packages that it needs
come from `benchmarks/gpu_wheels.py`. What differs from the recipe is written as in docs/results/seeds.csv:

    … --changed "training.epochs=30 data.validation_fraction=0.1667"
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from gpu_ours import describe_device
from recipes import as_parameters, recipe_parameters

from mnist_resnet.config import NamespaceParameters
from mnist_resnet.data.idx import parse
from mnist_resnet.data.split import Split, split
from mnist_resnet.preprocessing import fit_preprocessing
from mnist_resnet.training.network_spec import NetworkSpec
from mnist_resnet.training.runtime import runtime

_BATCH = 1000
_CLASSES = 10


def outcome(parameters: NamespaceParameters, parts: Split, test: Split | None) -> dict[str, Any]:
    """The figures of one training, as seeds.csv names them; the test images are read only if they are given."""
    preprocessing = fit_preprocessing(parts.train_images, parameters.preprocessing)
    with runtime(parameters.training) as device:
        spec = NetworkSpec(parameters.model, preprocessing, parts.train_images.shape[1:], _CLASSES)
        network, history = spec.train(parts, parameters.training, "training", None)
        tested = _accuracy(network, test, parameters.export.average_flips) if test else None
    first, last = history[0], history[-1]
    figures = {
        "first_epoch_loss": first.train_loss,
        "last_epoch_loss": last.train_loss,
        "validation_loss": last.validation_loss,
        "validation_accuracy": last.validation_accuracy,
        "test_accuracy": tested,
    }
    shown = {name: "" if figure is None else f"{figure:.4f}" for name, figure in figures.items()}
    return {"precision": device.precision, "epochs": len(history), **shown}


def _accuracy(network: Any, test: Split, both_views: bool) -> float:
    images = np.asarray(test.validation_images)
    views = [images, np.ascontiguousarray(images[:, :, ::-1])] if both_views else [images]
    probabilities = sum(network.predict(view, batch_size=_BATCH, verbose=0) for view in views)
    return float((probabilities.argmax(1) == test.validation_labels).mean())


def read_published(folder: Path, part: str) -> tuple[Any, Any]:
    """Images and labels of ``train`` or ``t10k`` from a folder of IDX files."""
    images, labels = (parse((folder / f"{part}-{kind}-ubyte").read_bytes()) for kind in ("images-idx3", "labels-idx1"))
    return images, labels


def main() -> None:
    """Print a row for each seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", help="a folder of conf/")
    parser.add_argument("data_set", choices=("mnist", "fashion_mnist"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--changed", default="", help="what differs from the recipe, as in docs/results/seeds.csv")
    parser.add_argument("--test", action="store_true", help="classify the test images, too")
    parser.add_argument("--raw", type=Path, default=Path("data/01_raw"), help="folder of both data sets' IDX files")
    asked = parser.parse_args()
    published = read_published(asked.raw / asked.data_set, "train")
    tested = read_published(asked.raw / asked.data_set, "t10k") if asked.test else None
    for seed in asked.seeds:
        changed = as_parameters(asked.changed) | {"training.seed": seed}
        parameters = recipe_parameters(asked.recipe, asked.data_set, changed)
        test = Split(*published, *tested) if tested else None
        figures = outcome(parameters, split(*published, parameters.data), test)
        device = describe_device()["device"]
        place = {"data_set": asked.data_set, "recipe": asked.recipe, "parameters": asked.changed}
        print(json.dumps(place | {"processor": device, "commit": "", "seed": seed} | figures), flush=True)


if __name__ == "__main__":
    main()
