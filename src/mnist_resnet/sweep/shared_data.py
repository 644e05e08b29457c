"""The data of a sweep: fetched and prepared once for all trials that need the same."""

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mnist_resnet.errors import UserError
from mnist_resnet.storage.lock import LOCK_FILE
from mnist_resnet.sweep.pipeline_process import run_pipelines
from mnist_resnet.sweep.plan import SweepPlan, Trial, digest
from mnist_resnet.terminal.paths import shown_path

_GROUPS = ("data", "preprocessing")
_LOG_FILE = "data.log"
_PREPARED = ("05_model_input", "08_reporting", "fingerprints")


class PreparationError(UserError, RuntimeError):
    """The data of some trials could not be prepared."""


class SharedData:
    """Prepared data, by the parameters that decide them.

    Args:
        plan: What all trials have in common.
        project: The project's folder.
        folder: The sweep's own, for one folder of outputs each.
        run: Runs pipelines, as ``run_pipelines`` does.
    """

    def __init__(self, plan: SweepPlan, project: Path, folder: Path, run: Callable[..., int] = run_pipelines) -> None:
        self._plan, self._project, self._folder, self._run = plan, project, folder, run
        self._prepared: dict[str, Path | PreparationError] = {}

    def give(self, trial: Trial, outputs: Path) -> None:
        """Put the data of a trial into its outputs, as links to files that all trials share.

        No byte is copied. A trial that made its data again would replace its own links only.

        Args:
            trial: Which one.
            outputs: Its own folder.

        Raises:
            PreparationError: If they cannot be prepared; all trials that need the same are told so.
        """
        overrides = {key: value for key, value in trial.overrides.items() if key.split(".")[1] in _GROUPS}
        key = digest(overrides)
        if key not in self._prepared:
            self._prepared[key] = self._prepare(self._folder / f"data-{key}", overrides)
        prepared = self._prepared[key]
        if isinstance(prepared, PreparationError):
            raise prepared
        for name in _PREPARED:
            _link(prepared / name, outputs / name)

    def _prepare(self, outputs: Path, overrides: Mapping[str, Any]) -> Path | PreparationError:
        outputs.mkdir(parents=True, exist_ok=True)
        log = outputs / _LOG_FILE
        params = {**self._plan.params, **overrides, "tracking.enabled": False}
        command = [*self._plan.run_command(["data"], self._plan.namespaces, params), "--only-missing-outputs"]
        ended = self._run(self._project, command, outputs, self._plan.cpus, log, {})
        if ended == 0:
            return outputs
        return PreparationError(
            f"the data could not be prepared: {_last_line(log)}; see {shown_path(log, self._project)}"
        )


def _link(source: Path, target: Path) -> None:
    """Give each file below a folder another name below another one, unless there is one of that name."""
    make: Callable[[str, str], Any] = os.link
    for file in sorted(source.rglob("*")):
        linked = target / file.relative_to(source)
        if file.is_dir() or linked.exists() or file.name == LOCK_FILE:
            continue
        linked.parent.mkdir(parents=True, exist_ok=True)
        try:
            make(str(file), str(linked))
        except OSError:  # a file system without hard links
            shutil.copy2(file, linked)


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    return next((line.strip().removeprefix("Error: ") for line in reversed(lines) if line.strip()), "nothing was said")
