"""Two epochs of this project's ResNet-18, by its own library; a contestant of `training.py`."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from images import CLASSES, raw_images
from training_contestant import EPOCHS, EpochEnds, answer, parser

from mnist_resnet.config import NamespaceParameters
from mnist_resnet.data.split import Split

PARAMETERS = Path(__file__).parents[1] / "conf" / "base" / "parameters.yml"


def base_parameters(batch_size: int, precision: str) -> NamespaceParameters:
    """Those of the base recipe, but for Adam at a constant rate without decay, as the others have it."""
    base = NamespaceParameters(**yaml.safe_load(PARAMETERS.read_text(encoding="utf-8"))["mnist"])
    asked: dict[str, Any] = {"epochs": EPOCHS, "batch_size": batch_size, "precision": precision}
    adam: dict[str, Any] = {"optimizer": "adam", "schedule": "constant", "learning_rate": 0.001, "weight_decay": 0.0}
    return replace(base, training=replace(base.training, **asked, **adam))


def train(split: Split, parameters: NamespaceParameters) -> tuple[EpochEnds, str]:
    """When each epoch ended, and the precision that was chosen."""
    from mnist_resnet.models.resnet import build_network
    from mnist_resnet.preprocessing import fit_preprocessing
    from mnist_resnet.training import fit
    from mnist_resnet.training.events import listening
    from mnist_resnet.training.runtime import runtime

    preprocessing = fit_preprocessing(split.train_images, parameters.preprocessing)
    with runtime(parameters.training) as chosen, listening(ends := EpochEnds()):
        network = build_network(parameters.model, preprocessing, split.train_images.shape[1:], CLASSES)
        fit.train(network, split, parameters.training, "MNIST")
    return ends, chosen.precision


def main() -> None:
    """Answer with one line of JSON."""
    arguments = parser(__doc__)
    arguments.add_argument("--precision", default="auto", help="as training.precision (default: auto)")
    asked = arguments.parse_args()
    images, labels = raw_images(asked.images)
    split = Split(images, labels, np.empty((0, *images.shape[1:]), np.uint8), np.empty(0, np.uint8))
    answer(*train(split, base_parameters(asked.batch_size, asked.precision)))


if __name__ == "__main__":
    main()
