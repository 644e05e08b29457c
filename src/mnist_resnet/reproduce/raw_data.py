"""The published files for a reproduction, found by their recorded digests."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from mnist_resnet.config import Dataset
from mnist_resnet.data.fetch import FetchError, fetch, local_folder, mirror_of
from mnist_resnet.reproduce.preflight import Check, CheckResult
from mnist_resnet.storage.addresses import Address, is_address, local_path
from mnist_resnet.storage.copies import CopiedFolder, place_of_copies

RAW_DATA, COPIES = "data/01_raw", "data/copies"


def find_raw_data(
    project: Path,
    mirror: str | None,
    datasets: Mapping[str, Any],
    catalog: Mapping[str, Mapping[str, Any]] | None = None,
) -> tuple[Check, str | None]:
    """Find a place that holds the recorded files.

    Args:
        project: The project's folder; its ``data/01_raw`` comes first.
        mirror: A place of the user's own: a folder, its file URL, or an http(s) URL.
        datasets: ``parameters.datasets`` of a run's provenance.
        catalog: ``catalog`` of it, which tells where the run had its files.

    Returns:
        The check, and the place to take the files from; the user's own if none on this machine holds them all.
    """
    recorded = ", ".join(datasets)
    own = local_folder(mirror) if mirror else None
    places: list[Path | CopiedFolder] = [project / RAW_DATA, *_recorded_places(project, catalog or {})]
    places += [own.absolute()] if own else []
    lacking: list[str] = []
    for place in places:
        names = [name for name, described in datasets.items() if not _holds(place, name, described)]
        if not names:  # of an address, copies have been made
            folder = place.path if isinstance(place, CopiedFolder) else place
            return Check("data", CheckResult.PASS, recorded, f"the same in {place}"), str(folder)
        lacking = lacking or names
    missing = ", ".join(lacking)
    check = Check("data", CheckResult.WARN, recorded, f"{missing}: not as recorded in {RAW_DATA}; will be fetched")
    return check, str(own.absolute()) if own else mirror


def _recorded_places(project: Path, catalog: Mapping[str, Mapping[str, Any]]) -> Iterator[Path | CopiedFolder]:
    """The folders that had a folder for each data set, if they were others than ``data/01_raw``."""
    files = {str(each.get("filepath")) for name, each in catalog.items() if name.endswith(".published_images")}
    for place in sorted({file.rpartition("/")[0].rpartition("/")[0] for file in files} - {RAW_DATA}):
        if is_address(place):
            yield CopiedFolder(Address(place), place_of_copies(place, project / COPIES))
        else:
            yield project / local_path(place)


def _holds(place: Path | CopiedFolder, name: str, described: Mapping[str, Any]) -> bool:
    try:
        dataset = TypeAdapter(Dataset).validate_python(dict(described))
        folder = place / name if isinstance(place, CopiedFolder) else Path(mirror_of(name, str(place)))
        fetch(replace(dataset, sources=()), folder)
    except (FetchError, ValidationError):  # another version may describe data sets in another way
        return False
    return True
