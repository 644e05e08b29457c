"""Time and memory of large data sets: the data pipeline, then the input of one training epoch.

    .venv/bin/python benchmarks/large_data.py --images 10000 100000 1000000

Each data set is made in a temporary folder and added by configuration alone: four IDX files, their sizes and digests.
Each measurement is a process of its own. Peak resident memory counts mapped files as far as they are in memory, which
the system takes back where it needs them; anonymous memory, looked at 50 times a second, does not count them.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import file_digest
from itertools import pairwise
from pathlib import Path

import numpy as np
import yaml
from hardware import describe_machine

from mnist_resnet.data.idx import parse
from mnist_resnet.storage.arrays import mapped

PROJECT = Path(__file__).parents[1]
TEST_IMAGES, SIZE, CLASSES, BATCH_SIZE = 10_000, (28, 28), 10, 256
_AT_ONCE, _KIB_PER_MIB, _SECONDS_BETWEEN_LOOKS = 10_000, 1024, 0.02


@dataclass(frozen=True)
class Usage:
    """What a process took: seconds, and its peaks of resident and of anonymous memory in MiB."""

    seconds: float
    resident: float
    anonymous: float


def make_project(folder: Path, images: int) -> Path:
    """A project whose data set ``mnist`` is of made images: these for training, and 10,000 more for the test."""
    shutil.copytree(PROJECT / "conf", folder / "conf", ignore=shutil.ignore_patterns("local"))
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(PROJECT / name, folder / name)
    for name in ("src", "conf/local", "conf/large", "mirror/mnist"):
        (folder / name).mkdir(parents=True)
    files = {
        f"{part}_{kind}": _describe(path)
        for part, count in (("train", images), ("test", TEST_IMAGES))
        for kind, path in _write_part(folder / "mirror" / "mnist", part, count)
    }
    (folder / "conf/large/globals.yml").write_text("recipe: large\noutputs: data/recipes/large\n", encoding="utf-8")
    described = {"datasets": {"mnist": {"title": f"{images:,} made images", "files": files, "sources": []}}}
    (folder / "conf/large/datasets.yml").write_text(yaml.safe_dump(described), encoding="utf-8")
    return folder


def _write_part(folder: Path, part: str, count: int) -> Iterator[tuple[str, Path]]:
    """Write images of noise and their labels as IDX files, some thousand images at a time."""
    generator = np.random.default_rng(count)
    images, labels = folder / f"{part}-images", folder / f"{part}-labels"
    with images.open("wb") as file:
        file.write(b"\0\0\x08\x03" + np.array([count, *SIZE], ">u4").tobytes())
        for start, end in pairwise([*range(0, count, _AT_ONCE), count]):
            file.write(generator.integers(256, size=(end - start, *SIZE), dtype=np.uint8).tobytes())
    yield "images", images
    header = b"\0\0\x08\x01" + np.array([count], ">u4").tobytes()
    labels.write_bytes(header + (np.arange(count) % CLASSES).astype(np.uint8).tobytes())
    yield "labels", labels


def _describe(path: Path) -> dict[str, object]:
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    return {"name": path.name, "size": path.stat().st_size, "sha256": digest}


def watch(command: Sequence[str | Path], folder: Path) -> Usage:
    """Run a command to its end, and look at its memory meanwhile."""
    environment = os.environ | {"MNIST_RESNET_DATA_MIRROR": str(folder / "mirror")}
    environment.pop("MLFLOW_TRACKING_URI", None)
    started, anonymous = time.perf_counter(), 0
    # Not waited for by its own methods, since only wait4 tells what it used.
    process = subprocess.Popen([str(word) for word in command], cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    while True:
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            break
        anonymous = max(anonymous, _anonymous_kib(process.pid))
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Usage(time.perf_counter() - started, usage.ru_maxrss / _KIB_PER_MIB, anonymous / _KIB_PER_MIB)


def _anonymous_kib(process: int) -> int:
    """Linux tells it; 0 elsewhere, and of a process that has just ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("RssAnon:")), 0)


def draw_all_batches(folder: Path) -> None:
    """Go once through the training input of a project's ``mnist``, without a network."""
    from mnist_resnet.config import validate_parameters
    from mnist_resnet.datasets import ArrayDataset
    from mnist_resnet.training.augmentation import draw_epoch
    from mnist_resnet.training.batches import feed, training_batches

    texts = [(folder / "conf/base" / f"{name}.yml").read_text(encoding="utf-8") for name in ("parameters", "datasets")]
    merged = {key: value for text in texts for key, value in yaml.safe_load(text).items()}
    training = validate_parameters({**merged, "recipe": "base"}).namespaces["mnist"].training
    inputs = folder / "data/recipes/large/05_model_input/mnist"
    images, labels = (ArrayDataset(filepath=str(inputs / f"train_{kind}.npy")).load() for kind in ("images", "labels"))
    batches = training_batches(images, labels, draw_epoch(len(labels), SIZE, 0, training), BATCH_SIZE)
    with feed(batches) as fed:
        drawn = sum(len(targets) for _, targets in fed)
    assert drawn == len(labels) // BATCH_SIZE * BATCH_SIZE, f"{drawn} images were drawn"


def measure(images: int, folder: Path) -> dict[str, Usage]:
    """The data pipeline and one epoch's input for a data set made in ``folder``, which is to be empty or absent."""
    project = make_project(folder, images)
    kedro = Path(sys.executable).with_name("kedro")
    measured = {
        "data pipeline": watch(
            [kedro, "run", "--pipelines", "data", "--env", "large", "--namespaces", "mnist"], project
        ),
        "one epoch's input": watch([sys.executable, Path(__file__), "--draw", project], project),
    }
    stored = parse(mapped(project / "data/01_raw/mnist/train-images-idx3-ubyte"))
    assert len(stored) == images, f"{len(stored)} images were stored"
    return measured


def main() -> None:
    """Print the table for docs/results; each measurement goes to the error stream as it comes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--draw", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.draw:
        draw_all_batches(asked.draw)
        return
    rows = []
    for images in asked.images:
        with tempfile.TemporaryDirectory() as folder:
            for what, used in measure(images, Path(folder)).items():
                print(images, what, asdict(used), file=sys.stderr, flush=True)
                figures = f"{used.seconds:.1f} s | {used.resident:,.0f} MiB | {used.anonymous:,.0f} MiB"
                rows.append(f"| {what} | {images:,} | {images * np.prod(SIZE) / 2**20:,.0f} MiB | {figures} |")
    print(f"{describe_machine()}; n = 1\n")
    print(
        "| what | images | their size | time | peak resident | peak anonymous |\n| --- | --- | --- | --- | --- | --- |"
    )
    print("\n".join(rows))


if __name__ == "__main__":
    main()
