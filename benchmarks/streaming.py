"""Training images streamed from shards beside an array that is mapped into memory and read at random places.

    .venv/bin/python benchmarks/streaming.py --images 10000000 --rounds 3

The images are noise of 8×8 in a temporary folder. Each measurement is a process of its own, and the ways take turns.
Batches of 256 are made with their augmentation's draws, as training is fed; no network computes. Files are read from
the system's memory where they fit there. Anonymous memory leaves out files that are mapped, and is looked at 50 times
a second.

Quality is that of one epoch's order. The rank correlation is that of places in storage and places in the order. The
distance of neighbours in the order is divided by that of a shuffle of all images, a third of their number. The largest
class is the share of the commonest of 10 classes in a batch, if the images lie sorted by class: the worst case.
"""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
import numpy.typing as npt
import yaml
from hardware import describe_machine
from large_data import watch

from mnist_resnet.config import NamespaceParameters, TrainingParameters
from mnist_resnet.data.split import Split
from mnist_resnet.storage.addresses import Address
from mnist_resnet.storage.arrays import mapped
from mnist_resnet.storage.shard_writing import RowsForShards, write_shards
from mnist_resnet.storage.shards import Shards

PARAMETERS = Path(__file__).parents[1] / "conf" / "base" / "parameters.yml"
SIZE, CLASSES, BATCH_SIZE = (8, 8), 10, 256
WRITE, MAPPED = "write shards", "mapped array"
_AT_ONCE = 1_000_000


@dataclass(frozen=True)
class Measured:
    """Images a second, without the start of Python, and the most MiB of anonymous memory, with it."""

    images_per_second: float
    anonymous: float


def parameters(window: int | None = None) -> TrainingParameters:
    """Those of MNIST in the base recipe, with so many shards in a window."""
    base = NamespaceParameters(**yaml.safe_load(PARAMETERS.read_text(encoding="utf-8"))["mnist"])
    return replace(base.training, shuffle_shards=window)


def make_images(folder: Path, count: int) -> None:
    """Write images of noise as one file of bytes, a million at a time."""
    generator = np.random.default_rng(count)
    with (folder / "images").open("wb") as file:
        for start, end in pairwise([*range(0, count, _AT_ONCE), count]):
            file.write(generator.integers(256, size=(end - start, *SIZE), dtype=np.uint8).tobytes())


def images_of(folder: Path) -> npt.NDArray[np.uint8]:
    """The images, mapped into memory."""
    return np.frombuffer(mapped(folder / "images"), np.uint8).reshape(-1, *SIZE)


def take_part(way: str, folder: Path, shard_images: int) -> float:
    """Do what is measured, in this process, and return its images a second."""
    images = images_of(folder)
    if way == WRITE:
        started = time.perf_counter()
        write_shards(
            RowsForShards(images, np.arange(len(images)), shard_images), shard_images, Address(folder / "shards")
        )
        return len(images) / (time.perf_counter() - started)
    from mnist_resnet.training.batches import feed
    from mnist_resnet.training.streaming import draws_for, open_batches

    window = None if way == MAPPED else int(way.split()[0])
    rows = images if way == MAPPED else Shards(Address(folder / "shards"))
    split = Split(rows, np.zeros(len(images), np.uint8), images[:0], np.zeros(0, np.uint8))
    started = time.perf_counter()
    with open_batches(split, draws_for(split, 0, parameters(window)), BATCH_SIZE) as batches, feed(batches) as fed:
        drawn = sum(len(labels) for _, labels in fed)
    assert drawn == len(images) // BATCH_SIZE * BATCH_SIZE, f"{drawn} images were drawn"
    return drawn / (time.perf_counter() - started)


def measure(way: str, folder: Path, shard_images: int) -> Measured:
    """Measure a way in a process of its own."""
    result = folder / "result.json"
    command = [sys.executable, Path(__file__), "--part", way, "--folder", folder, "--shard-images", str(shard_images)]
    used = watch(command, folder)
    measured = Measured(json.loads(result.read_text(encoding="utf-8")), used.anonymous)
    print(
        f"{way}: {measured.images_per_second:,.0f} images/s, {measured.anonymous:,.0f} MiB", file=sys.stderr, flush=True
    )
    return measured


def served_order(shards: Shards, window: int) -> npt.NDArray[np.int64]:
    """The places of the images in storage, in the order in which the first epoch shows them."""
    from mnist_resnet.training.streaming import WindowedDraws, windows_of

    training = parameters(window)
    draws = WindowedDraws(windows_of(len(shards.counts), 0, training), 0, training)
    order = []
    for number, window_shards in enumerate(draws.windows):
        parts = [shards.part(int(shard)) for shard in window_shards]
        places = np.concatenate([np.arange(part.start, part.stop) for part in parts])
        order.append(places[draws.of_window(number, len(places), SIZE).order])
    return np.concatenate(order)


def quality(order: npt.NDArray[np.int64]) -> tuple[float, float, float]:
    """Of an order of images: rank correlation, distance of neighbours, largest class in a batch; see above."""
    count = len(order)
    correlation = np.corrcoef(np.arange(count), order)[0, 1]
    distance = np.abs(np.diff(order)).mean() / (count / 3)
    classes = (order * CLASSES // count)[: count // BATCH_SIZE * BATCH_SIZE].reshape(-1, BATCH_SIZE)
    largest = np.stack([(classes == each).mean(axis=1) for each in range(CLASSES)]).max(axis=0).mean()
    return float(correlation), float(distance), float(largest)


def main() -> None:
    """Print both tables for docs/results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000_000)
    parser.add_argument("--shard-images", type=int, default=65_536)
    parser.add_argument("--windows", type=int, nargs="+", default=[1, 8, 32], help="shards in a window")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--part", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.part:
        speed = take_part(asked.part, asked.folder, asked.shard_images)
        (asked.folder / "result.json").write_text(json.dumps(speed), encoding="utf-8")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_images(folder, asked.images)
        ways = [WRITE, *(f"{window} shards mixed" for window in asked.windows), MAPPED]
        measured: dict[str, list[Measured]] = {way: [] for way in ways}
        for number in range(asked.rounds):
            for way in ways if number % 2 == 0 else [WRITE, *ways[:0:-1]]:
                measured[way].append(measure(way, folder, asked.shard_images))
        shards = Shards(Address(folder / "shards"))
        orders = {f"{window} shards mixed": quality(served_order(shards, window)) for window in asked.windows}
    orders["all images"] = quality(np.random.default_rng(0).permutation(asked.images))
    report(asked, measured, orders)


def report(
    asked: argparse.Namespace, measured: dict[str, list[Measured]], orders: dict[str, tuple[float, float, float]]
) -> None:
    """Print the tables."""
    megabytes = asked.images * np.prod(SIZE) / 1e6
    print(f"{asked.images:,} images, {megabytes:,.0f} MB, {asked.shard_images:,} in a shard; n = {asked.rounds}")
    print(f"{describe_machine()}\n")
    reference = median(each.images_per_second for each in measured[MAPPED])
    print("| what | images/s | least–most | to the mapped array | peak anonymous |\n| --- | --- | --- | --- | --- |")
    for way, each in measured.items():
        speeds, memory = [one.images_per_second for one in each], max(one.anonymous for one in each)
        middle, spread = median(speeds), f"{min(speeds):,.0f}–{max(speeds):,.0f}"
        print(f"| {way} | {middle:,.0f} | {spread} | {middle / reference:.2f} | {memory:,.0f} MiB |")
    print("\n| order | rank correlation | distance of neighbours | largest class |\n| --- | --- | --- | --- |")
    for way, (correlation, distance, largest) in orders.items():
        print(f"| {way} | {correlation:+.4f} | {distance:.3f} | {largest:.3f} |")


if __name__ == "__main__":
    main()
