"""The published files for a reproduction, found by their recorded digests."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from mnist_resnet.config import Dataset
from mnist_resnet.data.fetch import FetchError, fetch, local_folder, mirror_of
from mnist_resnet.reproduce.preflight import Check, CheckResult

RAW_DATA = "data/01_raw"


def find_raw_data(project: Path, mirror: str | None, datasets: Mapping[str, Any]) -> tuple[Check, str | None]:
    """Find a place that holds the recorded files.

    Args:
        project: The project's folder; its ``data/01_raw`` comes first.
        mirror: A place of the user's own: a folder, its file URL, or an http(s) URL.
        datasets: ``parameters.datasets`` of a run's provenance.

    Returns:
        The check, and the place to take the files from; the user's own if none on this machine holds them all.
    """
    recorded = ", ".join(datasets)
    own = local_folder(mirror) if mirror else None
    folders = [project / RAW_DATA, *([own.absolute()] if own else [])]
    lacking = {
        folder: [name for name, described in datasets.items() if not _holds(folder, name, described)]
        for folder in folders
    }
    for folder, names in lacking.items():
        if not names:
            return Check("data", CheckResult.PASS, recorded, f"the same in {folder}"), str(folder)
    missing = ", ".join(lacking[folders[0]])
    check = Check("data", CheckResult.WARN, recorded, f"{missing}: not as recorded in {RAW_DATA}; will be fetched")
    return check, str(folders[-1]) if own else mirror


def _holds(folder: Path, name: str, described: Mapping[str, Any]) -> bool:
    try:
        dataset = TypeAdapter(Dataset).validate_python(dict(described))
        fetch(replace(dataset, sources=()), Path(mirror_of(name, str(folder))))
    except (FetchError, ValidationError):  # another version may describe data sets in another way
        return False
    return True
