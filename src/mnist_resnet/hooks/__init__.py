"""Kedro's hooks: checks before a run, freshness and tracking during it, a summary after it."""

from mnist_resnet.hooks.run_hooks import RunHooks

__all__ = ["RunHooks"]
