"""The refusal of ``kedro run --runner`` where it names any but the sequential runner."""

import functools
from collections.abc import Callable
from typing import Any

from kedro.utils import load_obj

from mnist_resnet.hooks.running_thread import check_runner_class


def sequentially(command: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse other runners before they are made: Kedro's ParallelRunner starts a process as soon as it is."""

    @functools.wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        if options.get("runner"):
            check_runner_class(_class_of(options["runner"]), options["runner"])
        return command(*arguments, **options)

    return wrapped


def _class_of(runner: str) -> Any:
    """The class by its name, as Kedro finds it; None if there is none."""
    try:
        return load_obj(runner, "kedro.runner")
    except (ImportError, AttributeError, ValueError):
        return None
