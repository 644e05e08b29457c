"""Training speed with batches made ahead of their use and without, by turns in one process.

    .venv/bin/python benchmarks/look_ahead.py --rounds 5

The network, the recipe and the batches are those of the base recipe, `deterministic: true` included. In each round both
ways take the same steps, and every other round the other way is first, so that a busy spell of the machine meets both.
"""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import yaml
from hardware import describe_machine
from images import CLASSES, published, raw_images
from side_by_side import median_and_spread, spread

from mnist_resnet.config import NamespaceParameters

PARAMETERS = Path(__file__).parents[1] / "conf" / "base" / "parameters.yml"
AHEAD = {"made ahead": 2, "made when asked for": 0}


def base_parameters(batch_size: int) -> NamespaceParameters:
    """Those of MNIST in the base recipe, at another batch size."""
    base = NamespaceParameters(**yaml.safe_load(PARAMETERS.read_text(encoding="utf-8"))["mnist"])
    return replace(base, training=replace(base.training, batch_size=batch_size))


class Contest:
    """One network that is trained in both ways.

    Args:
        images: uint8 (images, 28, 28); a measurement trains on each of them once.
        labels: uint8 (images,).
        parameters: Of the network and its training.
    """

    def __init__(self, images: Any, labels: Any, parameters: NamespaceParameters) -> None:
        from mnist_resnet.models.resnet import build_network
        from mnist_resnet.preprocessing import fit_preprocessing
        from mnist_resnet.training.trainee import build_trainee

        self._images, self._labels, self._recipe = images, labels, parameters.training
        preprocessing = fit_preprocessing(images, parameters.preprocessing)
        network = build_network(parameters.model, preprocessing, images.shape[1:], CLASSES)
        self._trainee = build_trainee(network, len(labels) // self._recipe.batch_size, self._recipe)

    def images_per_second(self, ahead: int) -> float:
        """The speed of all steps, of which the last figures are waited for."""
        from mnist_resnet.training.augmentation import draw_epoch
        from mnist_resnet.training.batches import feed, training_batches

        draws = draw_epoch(len(self._labels), self._images.shape[1:], 0, self._recipe)
        batches = training_batches(self._images, self._labels, draws, self._recipe.batch_size)
        started = time.perf_counter()
        with feed(batches, ahead) as fed:
            self._trainee.fit(fed, shuffle=False, verbose=0)
        return len(batches) * self._recipe.batch_size / (time.perf_counter() - started)


def measure(contest: Contest, rounds: int) -> dict[str, list[float]]:
    """Images a second of both ways, round by round; what comes before the first compiles and is not counted."""
    speeds: dict[str, list[float]] = {way: [] for way in AHEAD}
    for number in range(-1, rounds):
        for way in sorted(AHEAD, reverse=number % 2 == 1):
            speed = contest.images_per_second(AHEAD[way])
            if number >= 0:
                speeds[way].append(speed)
                print(f"round {number + 1}, batches {way}: {speed:.0f} images/s", file=sys.stderr, flush=True)
    return speeds


def report(speeds: dict[str, list[float]]) -> None:
    """Print the table for docs/results."""
    print("| batches | images/s | least–most | made ahead to this |\n| --- | --- | --- | --- |")
    ahead = speeds["made ahead"]
    for way, values in speeds.items():
        ratios = [one / other for one, other in zip(ahead, values, strict=True)]
        print(f"| {way} | {median(values):,.0f} | {spread(values, 0)} | {median_and_spread(ratios)} |")


def arguments() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="how often each way is measured (default: 5)")
    parser.add_argument("--steps", type=int, default=20, help="of a measurement (default: 20)")
    parser.add_argument("--batch-size", type=int, default=256, help="images in a step (default: 256)")
    return parser.parse_args()


def main() -> None:
    """Print machine, versions and table."""
    from mnist_resnet.training.runtime import runtime

    asked = arguments()
    parameters = base_parameters(asked.batch_size)
    images, labels = raw_images(asked.steps * asked.batch_size)
    with runtime(parameters.training) as chosen:
        speeds = measure(Contest(images, labels, parameters), asked.rounds)
    images = f"{asked.steps} steps of {asked.batch_size} {'MNIST' if published(len(labels)) else 'made'} images"
    print(f"{describe_machine()}; {chosen.precision}; {images}; n = {asked.rounds}\n")
    report(speeds)


if __name__ == "__main__":
    main()
