"""The catalog of a run, as it may be shown: the place and the class of each artifact."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from kedro.io import DataCatalog, MemoryDataset

from mnist_resnet.terminal.paths import shown_path
from mnist_resnet.terminal.redaction import without_credentials

_PARAMETER = "params:"


def collect_catalog(catalog: DataCatalog, names: Iterable[str], project: Path) -> dict[str, dict[str, str]]:
    """Describe the entries of the catalog that a run uses.

    Args:
        catalog: The run's catalog.
        names: Of all data sets of the run's pipeline.
        project: The project's folder.

    Returns:
        For each that is stored, by name, its ``type`` and, if it has one, its ``filepath``, relative to the project
        unless it lies outside; of parameters, those that are places. Nothing else of the configuration is taken, since
        it may hold credentials.
    """
    known = [name for name in sorted(names) if name in catalog and not _is_value(catalog, name)]
    entries = {name: catalog.config_resolver.resolve_pattern(name) for name in known}
    return {
        name.removeprefix(_PARAMETER): _described(entry, project)
        for name, entry in entries.items()
        if not str(entry["type"]).endswith("MemoryDataset")
    }


def _is_value(catalog: DataCatalog, name: str) -> bool:
    """Whether an entry is a parameter's value; ``params:mnist.model`` must not be taken for a stored ``model``."""
    return name.startswith(_PARAMETER) and isinstance(catalog.get(name), MemoryDataset)


def _described(entry: Mapping[str, Any], project: Path) -> dict[str, str]:
    described, location = {"type": str(entry["type"])}, str(entry.get("filepath") or entry.get("path") or "")
    if "://" in location:
        return described | {"filepath": without_credentials(location).partition("?")[0]}
    return described | ({"filepath": shown_path(Path(location), project)} if location else {})
