"""The code of this package as it lies on the disk, from which modules are imported until a run ends."""

from collections.abc import Iterator
from pathlib import Path

from mnist_resnet.storage.artifacts import sha256_of_pieces

PACKAGE_FOLDER = Path(__file__).resolve().parents[1]


def digest_of_code(package: Path) -> str:
    """The SHA-256 of all files of Python in a package's folder, with their names.

    Args:
        package: The folder, such as ``PACKAGE_FOLDER``, from which this process imports.
    """
    return sha256_of_pieces(_pieces(package))


def changed_since_import(package: Path) -> bool:
    """Whether the code on the disk is another than when this process began to import it.

    Args:
        package: ``PACKAGE_FOLDER``, but in tests.
    """
    return digest_of_code(package) != _WHEN_IMPORTED


def _pieces(package: Path) -> Iterator[bytes]:
    for file in sorted(package.rglob("*.py")):
        content = file.read_bytes()
        yield f"{file.relative_to(package)} {len(content)}\n".encode()
        yield content


_WHEN_IMPORTED = digest_of_code(PACKAGE_FOLDER)
