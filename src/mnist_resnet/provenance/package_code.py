"""The code of this package as it lies on the disk, from which modules are imported while a run goes on."""

from collections.abc import Iterator
from pathlib import Path

from mnist_resnet.storage.artifacts import sha256_of_pieces

PACKAGE = Path(__file__).resolve().parents[1]


def digest_of_code(package: Path) -> str:
    """The SHA-256 of all files of Python in a package's folder, with their names.

    Args:
        package: The folder, such as ``PACKAGE``, from which this process imports.
    """
    return sha256_of_pieces(_pieces(package))


def _pieces(package: Path) -> Iterator[bytes]:
    for file in sorted(package.rglob("*.py")):
        content = file.read_bytes()
        yield f"{file.relative_to(package)} {len(content)}\n".encode()
        yield content
