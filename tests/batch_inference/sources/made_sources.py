"""Made images in each form that a source may have, by a seed; for tests and for benchmarks."""

import gzip
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from mnist_resnet.data.idx import encode


def made_images(count: int, seed: int = 0, size: tuple[int, int] = (8, 8)) -> np.ndarray:
    """uint8 (count, height, width): noise, so that no two images are the same."""
    return np.random.default_rng(seed).integers(0, 256, (count, *size), np.uint8)


def png(image: np.ndarray) -> bytes:
    """An image as a PNG file."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG")
    return stream.getvalue()


def npy(array: np.ndarray) -> bytes:
    """An array as a NumPy file."""
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def parquet(column, row_group: int = 1000, name: str = "image", **options) -> bytes:
    """A Parquet file with a column of images beside one of other values."""
    import pyarrow as pa
    from pyarrow import parquet as pq

    stream = io.BytesIO()
    table = pa.table({"label": pa.array(range(len(column)), pa.int64()), name: column})
    pq.write_table(table, stream, row_group_size=row_group, **options)
    return stream.getvalue()


def parquet_of_pictures(images: Sequence[np.ndarray], row_group: int = 1000, **options) -> bytes:
    """As Hugging Face stores pictures: a struct of the bytes and a path."""
    import pyarrow as pa

    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    column = pa.array([{"bytes": png(image), "path": None} for image in images], kind)
    return parquet(column, row_group, **options)


def parquet_of_pixels(images: np.ndarray, row_group: int = 1000, **options) -> bytes:
    """A tensor for each row."""
    import pyarrow as pa

    return parquet(pa.FixedShapeTensorArray.from_numpy_ndarray(images), row_group, **options)


def write_pictures(folder: Path, images: np.ndarray) -> None:
    """A PNG file for each image, a thousand in a folder."""
    for number, image in enumerate(images):
        path = folder / f"{number // 1000:06}" / f"{number:09}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(image))


FORMS: dict[str, Callable[[np.ndarray], bytes]] = {
    "npy": npy,
    "fortran.npy": lambda images: npy(np.asfortranarray(images)),
    "channel.npy": lambda images: npy(images[..., None]),
    "int32.npy": lambda images: npy(images.astype("<i4")),
    "float32.npy": lambda images: npy(images.astype("<f4")),
    "idx": encode,
    "int16.idx": lambda images: encode(images.astype(">i2")),
    "idx.gz": lambda images: gzip.compress(encode(images)),
    "npy.gz": lambda images: gzip.compress(npy(images)),
    "parquet": lambda images: parquet_of_pictures(images, 7),
    "tensor.parquet": lambda images: parquet_of_pixels(images, 7),
}
