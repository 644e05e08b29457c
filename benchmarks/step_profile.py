"""A profiled training by the base recipe, as JSON: the seconds of a step, and of each kind of operation in it.

A part of `training_step.py`.
"""

import json
import tempfile
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from images import CLASSES, raw_images
from training_ours import PARAMETERS

from mnist_resnet.config import NamespaceParameters
from mnist_resnet.data.split import Split
from mnist_resnet.training.events import EpochResult

# Compiled in the first epoch, timed in the second, and profiled in the third, which that makes slower.
EPOCHS = 3


class ProfiledEpoch:
    """Listens to a training: notes what the second epoch takes, and profiles the third."""

    def __init__(self, folder: str) -> None:
        self._folder, self.seconds = Path(folder), 0.0

    def __call__(self, result: EpochResult) -> None:
        """Hear of the end of an epoch."""
        from tensorflow import profiler

        if result.epoch == EPOCHS - 1:
            self.seconds = result.seconds
            profiler.experimental.start(str(self._folder))
        if result.epoch == EPOCHS:
            profiler.experimental.stop()

    def operations(self) -> Iterator[tuple[str, float]]:
        """The kind of each operation that was computed, and its seconds; several may overlap."""
        from tensorflow.tsl.profiler.protobuf import xplane_pb2

        (file,) = self._folder.rglob("*.xplane.pb")
        space = xplane_pb2.XSpace()
        space.ParseFromString(file.read_bytes())
        for plane in space.planes:
            for line in plane.lines:
                for event in line.events if line.name.startswith("tf_Compute") else ():
                    name, _, kind = plane.event_metadata[event.metadata_id].name.rpartition(":")
                    if name and not name.endswith(":"):  # others are TensorFlow's own, as ExecutorState::Process
                        yield kind.removeprefix("_MklNative").removeprefix("_Mkl"), event.duration_ps / 1e12


def needed_flops(network: Any) -> dict[str, float]:
    """Additions and multiplications of a step for an image, without those with padding, by how they are computed.

    What `Convolution` computes by products counts as such. The first one has no gradient of its input.
    """
    from mnist_resnet.models.convolution import Convolution

    convolutions = [layer for layer in network.layers if isinstance(layer, Convolution)]
    forward, products = 0.0, 2.0 * convolutions[-1].filters * CLASSES
    for layer in convolutions:
        (_, *size, channels), (_, *outputs, filters) = layer.input.shape, layer.output.shape
        axes = zip(size, outputs, layer.kernel_size, layer.strides, strict=True)
        flops = 2.0 * float(np.prod([_met(*axis) for axis in axes])) * channels * filters
        forward, products = (forward, products + flops) if layer.is_product(size) else (forward + flops, products)
        if layer is convolutions[0]:
            first = flops
    return {"forward": forward, "of the input": forward - first, "of the kernel": forward, "products": 3 * products}


def _met(size: int, outputs: int, kernel: int, stride: int) -> int:
    """How many pairs of an output and a place of the kernel meet the image, along one axis with `same` padding."""
    before = max((outputs - 1) * stride + kernel - size, 0) // 2
    places = np.arange(outputs)[:, None] * stride + np.arange(kernel) - before
    return int(np.sum((places >= 0) & (places < size)))


def profile(batch_size: int, precision: str, steps: int) -> dict[str, Any]:
    """Train, and tell of a step."""
    from mnist_resnet.models.resnet import build_network
    from mnist_resnet.preprocessing import fit_preprocessing
    from mnist_resnet.training import fit
    from mnist_resnet.training.events import listening
    from mnist_resnet.training.runtime import runtime

    images, labels = raw_images(batch_size * steps)
    split = Split(images, labels, np.empty((0, *images.shape[1:]), np.uint8), np.empty(0, np.uint8))
    base = NamespaceParameters(**yaml.safe_load(PARAMETERS.read_text(encoding="utf-8"))["mnist"])
    training = replace(base.training, epochs=EPOCHS, batch_size=batch_size, precision=precision)
    preprocessing = fit_preprocessing(images, base.preprocessing)
    with tempfile.TemporaryDirectory() as folder, listening(epoch := ProfiledEpoch(folder)):
        with runtime(training):
            network = build_network(base.model, preprocessing, images.shape[1:], CLASSES)
            fit.train(network, split, training, "MNIST")
        seconds = Counter[str]()
        for kind, took in epoch.operations():
            seconds[kind] += took / steps
    return {
        "step": epoch.seconds / steps,
        "operations": dict(seconds),
        "flops": needed_flops(network),
        "weights": network.count_params(),
    }


def main() -> None:
    """Answer with one line of JSON."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--batch-size", type=int, default=256, help="default: 256")
    parser.add_argument("--precision", default="auto", help="as training.precision (default: auto)")
    parser.add_argument("--steps", type=int, default=20, help="in an epoch (default: 20)")
    asked = parser.parse_args()
    print(json.dumps(profile(asked.batch_size, asked.precision, asked.steps)))


if __name__ == "__main__":
    main()
