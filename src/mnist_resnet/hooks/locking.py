"""One run at a time for each folder of outputs; a second one is refused before any work."""

import sys
from collections.abc import Iterator
from pathlib import Path

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl

from mnist_resnet.config import outputs_folder
from mnist_resnet.storage.artifacts import remove_leftovers
from mnist_resnet.storage.lock import FolderLock

# In the base recipe's folder, but read or written by the others, too.
_SHARED = ("01_raw", "recipes")
_HOUR = 3600.0


class LockingHooks:
    """Hold the lock on the recipe's outputs from before the first check until after the last word of a run."""

    def __init__(self) -> None:
        self._folder, self._raw = Path(), Path()
        self._lock: FolderLock | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Find the folder of the outputs, which cannot be another recipe's."""
        self._folder = outputs_folder(context.config_loader["globals"], context.env, context.project_path)
        self._raw = context.project_path / "data" / "01_raw"

    @hook_impl(wrapper=True, tryfirst=True)
    def before_pipeline_run(self) -> Iterator[None]:
        """Take the lock before any other hook; Kedro tells nobody if one of those refuses the run."""
        self._release()  # an earlier run of this process was interrupted
        lock = FolderLock(self._folder)
        lock.acquire(sys.argv)
        self._lock = lock
        try:
            self._clean_up()
            return (yield)
        except BaseException:
            self._release()
            raise

    @hook_impl(wrapper=True, tryfirst=True)
    def after_pipeline_run(self) -> Iterator[None]:
        """Give the lock back, last of all."""
        try:
            return (yield)
        finally:
            self._release()

    @hook_impl(wrapper=True, tryfirst=True)
    def on_pipeline_error(self) -> Iterator[None]:
        """Give the lock back, last of all."""
        try:
            return (yield)
        finally:
            self._release()

    def _clean_up(self) -> None:
        """Remove what killed runs had begun to write."""
        for folder in self._folder.iterdir():
            if folder.is_dir() and folder.name not in _SHARED:
                remove_leftovers(folder)
        remove_leftovers(self._raw, seconds_old=_HOUR)

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()
        self._lock = None
