"""The configuration of the session that was loaded last, and the pipelines that belong to it."""

import tomllib
from pathlib import Path
from typing import Any

from kedro.config import AbstractConfigLoader
from kedro.framework.context import KedroContext
from kedro.framework.project import pipelines, settings
from kedro.pipeline import Pipeline

from mnist_resnet.config import NoConfigurationError, with_own_outputs

_PACKAGE = __name__.partition(".")[0]
_REMEDY = "run the command in the project's folder, or name its configuration with --conf-source"

_loaded: AbstractConfigLoader | None = None


class ProjectContext(KedroContext):
    """Kedro's context. Once it is loaded, Kedro's pipelines are those of its data sets.

    Kedro tells its registry neither the project nor the configuration, and would keep the pipelines of an earlier
    session. A hook would not do here: kedro-viz loads the context without hooks.

    Raises:
        NoConfigurationError: If the project or the environment has no configuration of this package.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        _require_own_project(self.project_path, str(self.config_loader.conf_source))
        _require_folders(str(self.config_loader.conf_source), self.env)
        self.config_loader["globals"] = with_own_outputs(self.config_loader["globals"])
        global _loaded  # noqa: PLW0603  # Kedro calls register_pipelines() without arguments
        _loaded = self.config_loader
        pipelines.configure(__name__)


def register_pipelines() -> dict[str, Pipeline]:
    """The pipelines for the data sets of the configuration loaded last; Kedro calls this when they are first used."""
    from mnist_resnet.pipeline_registry import create_pipelines

    assert _loaded is not None
    return create_pipelines(_loaded)


def _require_own_project(project: Path, conf_source: str) -> None:
    """Refuse the configuration of another package's project; one that is named apart may lie anywhere."""
    file = project / "pyproject.toml"
    if not file.is_file() or Path(conf_source) != project / settings.CONF_SOURCE:
        return
    described = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {}).get("kedro", {})
    package = described.get("package_name", _PACKAGE)
    if package != _PACKAGE:
        raise NoConfigurationError(f"{project} is the project of {package}, not of {_PACKAGE}: {_REMEDY}")


def _require_folders(conf_source: str, env: str | None) -> None:
    source = Path(conf_source)
    if "://" in conf_source or source.is_file():  # a remote folder or an archive, which Kedro looks into
        return
    if not (source / "base").is_dir():
        raise NoConfigurationError(f"{source} has no configuration of {_PACKAGE}: {_REMEDY}")
    name = env or settings.CONFIG_LOADER_ARGS["default_run_env"]
    if not (source / name).is_dir():
        known = sorted(folder.name for folder in source.iterdir() if folder.is_dir())
        received = f"--env: received '{env}', but " if env else ""
        raise NoConfigurationError(
            f"{received}{source} has no folder '{name}'; choose one of {', '.join(known)}, or make it (it may be empty)"
        )
