"""Where a run's artifacts were kept, and by which class: the resolved catalog, as it may be shown."""

from collections.abc import Iterable
from pathlib import Path

from kedro.io import DataCatalog

from mnist_resnet.terminal.paths import shown_path
from mnist_resnet.terminal.redaction import without_credentials

_LOCATIONS = ("filepath", "path")


def collect_catalog(catalog: DataCatalog, names: Iterable[str], project: Path) -> dict[str, dict[str, str]]:
    """Describe the entries of the catalog that a run uses.

    Args:
        catalog: The run's catalog.
        names: Of all data sets of the run's pipeline.
        project: The project's folder.

    Returns:
        For each that is stored, by name, its ``type`` and, if it has one, its ``filepath``, relative to the project
        unless it lies outside.
        Nothing else of the configuration is taken, since it may hold credentials.
    """
    described = {name: _described(catalog, name, project) for name in sorted(names) if name in catalog}
    return {name: entry for name, entry in described.items() if not entry["type"].endswith("MemoryDataset")}


def _described(catalog: DataCatalog, name: str, project: Path) -> dict[str, str]:
    entry = catalog.config_resolver.resolve_pattern(name)
    described = {"type": str(entry["type"])}
    for key in _LOCATIONS:
        if key in entry:
            described["filepath"] = _shown(str(entry[key]), project)
    return described


def _shown(location: str, project: Path) -> str:
    if "://" in location:
        return without_credentials(location).partition("?")[0]
    return shown_path(Path(location), project)
