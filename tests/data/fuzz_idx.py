"""A fuzz target over the IDX and gzip readers: any bytes are read rightly or refused by ``IdxError``.

``python -m tests.data.fuzz_idx CORPUS [libFuzzer options]``, with atheris installed. CORPUS is a folder,
into which a few good files are put to start from.
"""

import gzip
import sys
from pathlib import Path

import atheris
import numpy as np

with atheris.instrument_imports(include=["mnist_resnet.data.idx"]):
    from mnist_resnet.data.idx import IdxError, decompress, encode, parse

_LARGEST = 1 << 16


def read_any(content: bytes) -> None:
    """Two bytes of size, then a file: expanded to that size, and parsed as it is and as it was expanded."""
    size, file = int.from_bytes(content[:2], "big"), content[2:]
    _parse(file)
    try:
        expanded = decompress(file, size)
    except IdxError:
        return
    assert len(expanded) == size <= _LARGEST
    _parse(expanded)


def _parse(content: bytes) -> None:
    try:
        array = parse(content)
    except IdxError:
        return
    assert array.ndim <= 4
    assert encode(array) == content


def _seed(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for shape, kind in (((5,), "u1"), ((2, 3, 4), "u1"), ((0,), "u1"), ((0, 28, 28), "i4"), ((2, 2, 2, 1), "f8")):
        file = encode(np.arange(np.prod(shape)).reshape(shape).astype(kind))
        size = len(file).to_bytes(2, "big")
        name = "x".join(map(str, shape))
        (folder / f"{name}.idx").write_bytes(size + file)
        (folder / f"{name}.gz").write_bytes(size + gzip.compress(file, mtime=0))


if __name__ == "__main__":
    _seed(Path(sys.argv[1]))
    atheris.Setup(sys.argv, read_any)
    atheris.Fuzz()
