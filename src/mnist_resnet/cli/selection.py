"""The refusal of pipelines, namespaces, nodes and tags that ``kedro run`` does not find."""

import functools
from collections.abc import Callable
from typing import Any

from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.pipeline import Pipeline

from mnist_resnet.cli.project import raised_in
from mnist_resnet.errors import UserError

_SELECTING = {KedroSession.__module__, Pipeline.__module__}


class SelectionError(UserError, ValueError):
    """There is nothing to run by the names that were given."""


def selectively(command: Callable[..., Any]) -> Callable[..., Any]:
    """Tell in one line of a selection that Kedro does not find, with what there is."""

    @functools.wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        try:
            return command(*arguments, **options)
        except ValueError as error:
            if raised_in(error) not in _SELECTING:
                raise
            said, _, _ = str(error).partition(". ")  # what follows tells how to write a pipeline
            raise SelectionError(f"{said.rstrip('.')}; {_present()}") from error

    return wrapped


def _present() -> str:
    names = [name for name in pipelines if name != "__default__"]
    namespaces = {node.namespace for node in pipelines["__default__"].nodes if node.namespace}
    return f"the pipelines are {', '.join(names)}, the data sets {', '.join(sorted(namespaces))}"
