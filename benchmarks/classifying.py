"""``kedro classify`` by workers, beside as many plain sessions of one thread, and the memory it takes by images.

    .venv/bin/python benchmarks/classifying.py --workers 1 2 --images 200000 --rounds 5
    .venv/bin/python benchmarks/classifying.py --workers 2 --rounds 0 --memory 100000 1000000
    .venv/bin/python benchmarks/classifying.py --workers 2 --rounds 0 --parts 5000

The source is a NumPy file of made images of 28×28; the model is a ResNet-18 of random weights, or the file that is
named. A plain session reads the same images in the same chunks and batches, in a process of its own with one thread,
and writes nothing; several run at the same time. Each measurement is a command of its own, and they take turns.
Images/s of workers are those of the middle half of the parts: without the start of Ray, which takes a part of the
cores, and without the end, where some workers wait for the last. The seconds are those of the whole command.

Parts/s are those of the middle half of parts of one image, where a worker has next to nothing to do: what one command
can hand out and take back, so the limit of a cluster.

Memory is that of all processes at one moment, without mapped files, looked at ten times a second; a network of one
convolution computes there.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median

import numpy as np
from command_processes import Peaks, started, watched
from hardware import describe_machine
from made_resnet import made_resnet
from made_source import write_source
from side_by_side import last_line, median_and_spread, spread, verdict

PROJECT = Path(__file__).parents[1]
SIZE, LEAST_OF_PLAIN = (28, 28), 0.9
_PARTS, _LEAST_PARTS, _ROUNDS_OF_PARTS = "answers/part-*.parquet", 16, 3


@dataclass(frozen=True)
class Measured:
    """Images a second once it runs, and the seconds of the whole command."""

    images_per_second: float
    seconds: float


def classify_plainly(model: Path, source: Path, rows: int, batch_size: int) -> float:
    """Images a second of a session of one thread in this process."""
    from mnist_resnet.evaluation.classifier import open_classifier

    classifier = open_classifier(model.read_bytes(), model.name, threads=1)
    images = np.load(source / "images.npy", mmap_mode="r")
    begun = time.perf_counter()
    for first in range(0, len(images), rows):
        classifier.session.probabilities(np.array(images[first : first + rows]), batch_size).argmax(axis=1)
    return len(images) / (time.perf_counter() - begun)


def classify(source: Path, output: Path, model: Path, workers: int, *options: str, watch: bool = False) -> Peaks | None:
    """Type ``kedro classify`` and wait for its end; the peaks of its memory if watched, which takes a part of a core.

    Raises:
        RuntimeError: If it fails; with what it said.
    """
    words = [Path(sys.executable).with_name("kedro"), "classify", source, "--output", output, "--model", model]
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    with (
        started([*words, "--workers", str(workers), *options], PROJECT, environment) as command,
        watched(command) if watch else nullcontext() as peaks,
    ):
        said, _ = command.communicate()
    if command.returncode:
        raise RuntimeError(f"kedro classify ended with {command.returncode}: {said.strip()}")
    return peaks


def steady_speed(output: Path, images: int) -> float:
    """Images a second of the middle half of the parts.

    Raises:
        RuntimeError: If there are too few parts for that.
    """
    written = sorted(path.stat().st_mtime for path in output.glob(_PARTS))
    if len(written) < _LEAST_PARTS:
        raise RuntimeError(f"{len(written)} parts are too few to measure the middle half; lower --rows-per-part")
    first, last = len(written) // 4, len(written) * 3 // 4
    return images * (last - first) / len(written) / (written[last] - written[first])


def measure_plain(count: int, asked: argparse.Namespace, model: Path, source: Path) -> Measured:
    """Measure so many plain sessions at the same time; each classifies all images."""
    begun = time.perf_counter()
    command = [sys.executable, Path(__file__), "--part", source, "--model", model, *sizes(asked)]
    with ThreadPoolExecutor(count) as pool:
        speed = sum(pool.map(last_line, [command] * count))
    return Measured(speed, time.perf_counter() - begun)


def measure_workers(count: int, asked: argparse.Namespace, model: Path, source: Path) -> Measured:
    """Measure ``kedro classify`` with so many workers of one thread."""
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as place:
        output = Path(place) / "classified"
        classify(source, output, model, count, "--threads", "1", *sizes(asked))
        return Measured(steady_speed(output, asked.images), time.perf_counter() - begun)


def sizes(asked: argparse.Namespace) -> list[str]:
    """The options that sessions and workers are both given."""
    return ["--rows-per-part", str(asked.rows_per_part), "--batch-size", str(asked.batch_size)]


def report_speed(plain: dict[int, list[Measured]], workers: dict[int, list[Measured]]) -> None:
    """Print the table of speeds, and whether one worker reaches its aim."""
    print("| what | images/s | least–most | to as many plain sessions | seconds, with the start |")
    print("| --- | --- | --- | --- | --- |")
    for count, measured in workers.items():
        ratios = [own.images_per_second / other.images_per_second for own, other in _pairs(measured, plain[count])]
        print(_row(named(count, "plain session"), plain[count], "1"))
        print(_row(named(count, "worker"), measured, median_and_spread(ratios)))
        if count == 1:
            reached = verdict("a plain session by one worker", LEAST_OF_PLAIN, ratios)
    if 1 in workers:
        print(f"\n{reached}")


def _pairs(measured: Sequence[Measured], others: Sequence[Measured]) -> Iterator[tuple[Measured, Measured]]:
    return zip(measured, others, strict=True)


def _row(what: str, measured: Sequence[Measured], against: str) -> str:
    speeds, seconds = [one.images_per_second for one in measured], [one.seconds for one in measured]
    middle = f"{median(speeds):,.0f} | {spread(speeds, 0)}"
    return f"| {what} | {middle} | {against} | {median(seconds):.1f} ({spread(seconds, 1)}) |"


def report_memory(peaks: dict[int, Peaks], workers: int) -> None:
    """Print the table of memory."""
    print(f"\n| images | their size | peak of the larger of {workers} workers | of all processes together |")
    print("| --- | --- | --- | --- |")
    for images, peak in peaks.items():
        size = f"{images * np.prod(SIZE) / 2**20:,.0f} MiB"
        print(f"| {images:,} | {size} | {peak.largest_worker:,.0f} MiB | {peak.together:,.0f} MiB |")


def named(count: int, what: str) -> str:
    """So many of something, in words."""
    return f"{count} {what}{'s' if count > 1 else ''}"


def compare(asked: argparse.Namespace, place: Path) -> None:
    """Measure and report speeds."""
    source = write_source(place / "source", "npy", asked.images, SIZE)
    model = asked.model or place / "resnet18.onnx"
    if not asked.model:
        model.write_bytes(made_resnet(SIZE[0]))
    plain: dict[int, list[Measured]] = {count: [] for count in asked.workers}
    workers: dict[int, list[Measured]] = {count: [] for count in asked.workers}
    turns = [(count, *way) for count in asked.workers for way in ((measure_plain, plain), (measure_workers, workers))]
    for number in range(asked.rounds):
        for count, measure, measured in turns[:: -1 if number % 2 else 1]:  # nobody is always first
            measured[count].append(measure(count, asked, model, source))
            print(
                f"round {number + 1}, {measure.__name__}, {count}: {measured[count][-1]}", file=sys.stderr, flush=True
            )
    print(f"{asked.images:,} images, {asked.rows_per_part:,} in a part; n = {asked.rounds}\n")
    report_speed(plain, workers)


def compare_memory(asked: argparse.Namespace, place: Path) -> None:
    """Measure and report memory."""
    model, workers = place / "convolution.onnx", max(asked.workers)
    model.write_bytes(made_resnet(SIZE[0], blocks=0))
    peaks = {}
    for images in asked.memory:
        source = write_source(place / f"{images}-images", "npy", images, SIZE)
        peaks[images] = classify(source, place / f"{images}-classified", model, workers, watch=True)
        print(images, json.dumps(asdict(peaks[images])), file=sys.stderr, flush=True)
    report_memory(peaks, workers)


def compare_parts(asked: argparse.Namespace, place: Path) -> None:
    """Measure and report how many parts a second one command has made, whatever is in them."""
    model, workers, source = place / "convolution.onnx", max(asked.workers), place / "single-images"
    model.write_bytes(made_resnet(SIZE[0], blocks=0))
    write_source(source, "npy", asked.parts, SIZE)
    speeds = []
    for number in range(_ROUNDS_OF_PARTS):
        output = place / f"parts-{number}"
        classify(source, output, model, workers, "--rows-per-part", "1")
        speeds.append(steady_speed(output, asked.parts))
        print(f"{asked.parts:,} parts of one image: {speeds[-1]:,.0f} parts/s", file=sys.stderr, flush=True)
    measured = f"{median(speeds):,.0f} parts/s ({spread(speeds, 0)})"
    print(f"\n{asked.parts:,} parts of one image, {named(workers, 'worker')}, n = {len(speeds)}: {measured}")


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=200_000, help="for the speed (default: 200,000)")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="default: 1 2")
    parser.add_argument("--rounds", type=int, default=3, help="how often each speed is measured (default: 3)")
    parser.add_argument("--rows-per-part", type=int, default=10_000, help="for the speed (default: 10,000)")
    parser.add_argument("--batch-size", type=int, default=256, help="images in a call (default: 256)")
    parser.add_argument("--memory", type=int, nargs="*", default=[], metavar="IMAGES", help="measure it at these sizes")
    parser.add_argument("--parts", type=int, default=0, help="measure parts/s with so many parts of one image")
    parser.add_argument("--model", type=Path, help="an ONNX file for 28×28; default: a ResNet-18 of random weights")
    parser.add_argument("--part", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(words)


def main() -> None:
    """Print the tables for docs/results; each measurement goes to the error stream as it comes."""
    asked = arguments()
    if asked.part:
        print(json.dumps(classify_plainly(asked.model, asked.part, asked.rows_per_part, asked.batch_size)))
        return
    print(f"{describe_machine()}, ray {version('ray')}")
    with tempfile.TemporaryDirectory() as place:
        if asked.rounds:
            compare(asked, Path(place))
        if asked.memory:
            compare_memory(asked, Path(place))
        if asked.parts:
            compare_parts(asked, Path(place))


if __name__ == "__main__":
    main()
