"""This project's trainings as `gpu.py` measures them: parameters, made images, and the way from both to a network."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from images import CLASSES, raw_images

from mnist_resnet.config import NamespaceParameters
from mnist_resnet.data.split import Split

PARAMETERS = Path(__file__).parents[1] / "conf" / "base" / "parameters.yml"
# Small enough that rounding does not grow to a difference of the weights within a few steps.
_RATE = 0.01


def parameters(size: int, architecture: str = "resnet18", **training: Any) -> NamespaceParameters:
    """Those of base on images of a size, padded to 32×32 or resized to more; SGD at a constant rate.

    Args:
        size: Height and width of the network's input in pixels.
        architecture: As ``model.architecture``.
        **training: What differs of ``training``.
    """
    base = NamespaceParameters(**yaml.safe_load(PARAMETERS.read_text(encoding="utf-8"))["fashion_mnist"])
    constant: dict[str, Any] = {"schedule": "constant", "learning_rate": _RATE, "unshifted_epochs": 0}
    method: Any = "pad" if size == 32 else "resize"
    return replace(
        base,
        preprocessing=replace(base.preprocessing, method=method, size=(size, size)),
        model=replace(base.model, architecture=architecture, zero_last_gamma=False),
        training=replace(base.training, **(constant | training)),
    )


def made_split(images: int, validation: int = 0) -> Split:
    """As many training images and validation images: MNIST's where they are, else noise."""
    everything, labels = raw_images(images + validation)
    return Split(everything[:images], labels[:images], everything[images:], labels[images:])


def trained(
    asked: NamespaceParameters, split: Split, make_epochs: Any, checkpoint: Path | None = None
) -> tuple[list[np.ndarray], Sequence[Any]]:
    """Train a network from the start; its weights, and one result for each epoch.

    Args:
        asked: Parameters.
        split: The images.
        make_epochs: ``HostFedEpochs``, or ``DeviceEpochs`` with the steps of a program.
        checkpoint: As for ``train``.
    """
    from mnist_resnet.models.resnet import build_network
    from mnist_resnet.preprocessing import fit_preprocessing
    from mnist_resnet.training.fit import train
    from mnist_resnet.training.runtime import runtime

    preprocessing = fit_preprocessing(split.train_images, asked.preprocessing)
    with runtime(asked.training):
        network = build_network(asked.model, preprocessing, split.train_images.shape[1:], CLASSES)
        history = train(network, split, asked.training, "made images", checkpoint, make_epochs)
    return [np.asarray(array) for array in network.get_weights()], history


def describe_device() -> dict[str, Any]:
    """The device that JAX computes on, and the versions."""
    import jax
    import keras

    device = jax.devices()[0]
    versions = {"jax": jax.__version__, "keras": keras.__version__}
    return {"device": device.device_kind, "platform": device.platform} | versions
