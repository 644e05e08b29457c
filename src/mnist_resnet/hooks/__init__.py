"""A run's surroundings: checks before it, freshness and records during it, a summary after it."""

from mnist_resnet.hooks.run_hooks import RunHooks

__all__ = ["RunHooks"]
