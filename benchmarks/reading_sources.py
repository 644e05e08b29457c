"""How fast sources of ``kedro classify`` are listed and read, and in how much memory, on one core.

    .venv/bin/python benchmarks/reading_sources.py --images 20000 200000 --rounds 3

Each form is read as the chunks of a plan, in their order, and beside it by what one would write by hand, without
chunks, checks and row ids: ``numpy.load``, ``gzip``, pyarrow and Pillow. Each reading is a process of its own.
"""

import argparse
import gzip
import io
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from hardware import describe_machine
from made_source import WRITERS, write_source
from PIL import Image

SIZE = (28, 28)
_ROWS = 4_096
_KIB_PER_MIB = 1024


def read_by_chunks(folder: Path) -> tuple[int, float]:
    """How many images were read, and how long the plan took."""
    from mnist_resnet.batch_inference.sources.planning import plan_chunks
    from mnist_resnet.batch_inference.sources.reading import read_chunk

    started = time.perf_counter()
    plan = plan_chunks([str(folder)], SIZE, _ROWS)
    planned = time.perf_counter() - started
    return sum(len(read_chunk(chunk, SIZE).images) for chunk in plan.chunks), planned


def read_by_hand(folder: Path) -> tuple[int, float]:
    """The same by the least that would do."""
    (form,) = (form for form in BY_HAND if folder.name.endswith(f"-{form}"))
    return BY_HAND[form](folder), 0.0


def _npy(folder: Path) -> int:
    images = np.load(folder / "images.npy", mmap_mode="r")
    return sum(len(np.array(images[start : start + _ROWS])) for start in range(0, len(images), _ROWS))


def _idx(folder: Path) -> int:
    images = np.memmap(folder / "images-idx3-ubyte", np.uint8, "r", 16).reshape(-1, *SIZE)
    return sum(len(np.array(images[start : start + _ROWS])) for start in range(0, len(images), _ROWS))


def _idx_gz(folder: Path) -> int:
    read = 0
    with gzip.open(folder / "images-idx3-ubyte.gz") as stream:
        stream.read(16)
        while block := stream.read(_ROWS * SIZE[0] * SIZE[1]):
            read += len(np.frombuffer(block, np.uint8).reshape(-1, *SIZE))
    return read


def _parquet(folder: Path) -> int:
    from pyarrow import parquet

    batches = parquet.ParquetFile(folder / "images.parquet").iter_batches(_ROWS)
    return sum(len([_decoded(row["bytes"]) for row in batch.column(0).to_pylist()]) for batch in batches)


def _pictures(folder: Path) -> int:
    return len([_decoded(path.read_bytes()) for path in sorted(folder.rglob("*.png"))])


def _decoded(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("L"))


BY_HAND: dict[str, Callable[[Path], int]] = {
    "npy": _npy,
    "idx": _idx,
    "idx.gz": _idx_gz,
    "parquet": _parquet,
    "pictures": _pictures,
}


def _measure(read: Callable[[Path], tuple[int, float]], folder: Path, images: int, answers: Any) -> None:
    import pyarrow.parquet  # noqa: F401 - so that no figure holds the time and the memory of imports

    import mnist_resnet.batch_inference.sources.planning
    import mnist_resnet.batch_inference.sources.reading  # noqa: F401

    before = _peak()
    started = time.perf_counter()
    count, planned = read(folder)
    seconds = time.perf_counter() - started
    assert count == images, f"{count} of {images} images were read"
    answers.put({"seconds": seconds, "planned": planned, "grown": _peak() - before})


def _peak() -> float:
    """The peak of this process's resident memory in MiB, as Linux tells it; 0 elsewhere."""
    path = Path("/proc/self/status")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / _KIB_PER_MIB


def measure(read: Callable[[Path], tuple[int, float]], folder: Path, images: int) -> dict[str, float]:
    """Seconds in all and of the plan, and growth of the peak of resident memory in MiB, in a fresh process."""
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    process = context.Process(target=_measure, args=(read, folder, images, answers))
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError(f"the reading of {folder} ended with {process.exitcode}")
    found: dict[str, float] = answers.get()
    return found


def main() -> None:
    """Print a table, and the figures of each round as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=[20_000, 200_000])
    parser.add_argument("--forms", nargs="+", choices=WRITERS, default=list(WRITERS))
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    print(f"{describe_machine()}\n")
    print(
        "| form | images | plan, s | images/s | by hand, images/s | ratio (lowest to highest) | memory, MiB | by hand |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as place:
        for form in asked.forms:
            for images in asked.images:
                folder = write_source(Path(place) / f"{images}-{form}", form, images, SIZE)
                rounds = [
                    {
                        name: measure(read, folder, images)
                        for name, read in (("ours", read_by_chunks), ("hand", read_by_hand))
                    }
                    for _ in range(asked.rounds)
                ]
                print(_row(form, images, rounds))
                print(json.dumps(rounds), file=sys.stderr)


def _row(form: str, images: int, rounds: list[dict[str, dict[str, float]]]) -> str:
    ours, hand = ([each[name] for each in rounds] for name in ("ours", "hand"))
    ratios = [one["seconds"] / other["seconds"] for one, other in zip(hand, ours, strict=True)]
    middle = statistics.median
    planned = middle(each["planned"] for each in ours)
    speeds = [images / middle(each["seconds"] for each in which) for which in (ours, hand)]
    grown = [middle(each["grown"] for each in which) for which in (ours, hand)]
    return (
        f"| {form} | {images:,} | {planned:.2f} | {speeds[0]:,.0f} | {speeds[1]:,.0f} | "
        f"{middle(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f}) | {grown[0]:.0f} | {grown[1]:.0f} |"
    )


if __name__ == "__main__":
    main()
