"""Any number of made images as a source of ``kedro classify``, written some thousand at a time.

.venv/bin/python benchmarks/made_source.py FOLDER --form parquet --images 1000000
"""

import argparse
import gzip
import io
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

_AT_ONCE = 4_096


def made_blocks(images: int, size: tuple[int, int] = (28, 28), seed: int = 0) -> Iterator[np.ndarray]:
    """Images by a seed, the same in whatever form they are written: uint8 (a few thousand, height, width) each.

    A bright bar on a dark ground, of another place and slant each time, so that a model gives various answers.
    """
    rows, columns = np.indices(size)
    for number, (start, end) in enumerate(pairwise([*range(0, images, _AT_ONCE), images])):
        generator = np.random.default_rng((seed, number))
        place, slant, width = (generator.uniform(*each, (end - start, 1, 1)) for each in ((0, 1), (-1, 1), (1, 4)))
        distance = np.abs(columns - place * size[1] - slant * (rows - size[0] / 2))
        bars = np.clip(255 * (width - distance), 0, 255)
        yield np.clip(bars + generator.integers(0, 30, bars.shape), 0, 255).astype(np.uint8)


def write_npy(folder: Path, images: int, size: tuple[int, int], seed: int) -> None:
    """One NumPy file, mapped into memory while it is written."""
    mapped = np.lib.format.open_memmap(folder / "images.npy", "w+", np.uint8, (images, *size))
    done = 0
    for block in made_blocks(images, size, seed):
        mapped[done : done + len(block)] = block
        done += len(block)
    mapped.flush()


def write_idx(folder: Path, images: int, size: tuple[int, int], seed: int, compressed: bool = False) -> None:
    """One IDX file."""
    name = "images-idx3-ubyte"
    with gzip.open(folder / f"{name}.gz", "wb", 1) if compressed else (folder / name).open("wb") as file:
        file.write(b"\0\0\x08\x03" + np.array([images, *size], ">u4").tobytes())
        for block in made_blocks(images, size, seed):
            file.write(block.tobytes())


def write_compressed_idx(folder: Path, images: int, size: tuple[int, int], seed: int) -> None:
    """One gzip stream of an IDX file."""
    write_idx(folder, images, size, seed, compressed=True)


def write_parquet(folder: Path, images: int, size: tuple[int, int], seed: int) -> None:
    """One Parquet file of PNGs, as Hugging Face stores them; a row group for each block."""
    import pyarrow as pa
    from pyarrow import parquet

    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    with parquet.ParquetWriter(folder / "images.parquet", pa.schema([("image", kind)])) as writer:
        for block in made_blocks(images, size, seed):
            rows = [{"bytes": _png(image), "path": None} for image in block]
            writer.write_table(pa.table({"image": pa.array(rows, kind)}))


def write_pictures(folder: Path, images: int, size: tuple[int, int], seed: int) -> None:
    """A PNG file each, some thousand in a folder."""
    for number, block in enumerate(made_blocks(images, size, seed)):
        below = folder / f"{number:06}"
        below.mkdir()
        for place, image in enumerate(block):
            (below / f"{place:06}.png").write_bytes(_png(image))


def _png(image: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


WRITERS: dict[str, Callable[[Path, int, tuple[int, int], int], None]] = {
    "npy": write_npy,
    "idx": write_idx,
    "idx.gz": write_compressed_idx,
    "parquet": write_parquet,
    "pictures": write_pictures,
}


def write_source(folder: Path, form: str, images: int, size: tuple[int, int] = (28, 28), seed: int = 0) -> Path:
    """Write a source into an empty folder, which is made.

    Args:
        folder: Where to.
        form: One of ``WRITERS``.
        images: How many.
        size: (height, width) in pixels.
        seed: Of the images.

    Returns:
        The folder.
    """
    folder.mkdir(parents=True)
    WRITERS[form](folder, images, size, seed)
    return folder


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--form", choices=WRITERS, default="npy")
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    print(write_source(asked.folder, asked.form, asked.images, seed=asked.seed))
