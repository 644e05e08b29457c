"""The code of this package as it lies on the disk, from which modules are imported while a run goes on."""

from collections.abc import Iterator
from pathlib import Path

from mnist_resnet.storage.artifacts import sha256_of_pieces

PACKAGE = Path(__file__).resolve().parents[1]


def digest_of_code() -> str:
    """The SHA-256 of all files of Python in the package, with their names."""
    return sha256_of_pieces(_pieces())


def _pieces() -> Iterator[bytes]:
    for file in sorted(PACKAGE.rglob("*.py")):
        content = file.read_bytes()
        yield f"{file.relative_to(PACKAGE)} {len(content)}\n".encode()
        yield content
