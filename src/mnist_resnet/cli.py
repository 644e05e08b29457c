"""The project's own commands, as ``kedro`` finds them inside this project."""

import copy
import functools
from collections.abc import Callable
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.cli.utils import CONTEXT_SETTINGS
from kedro.io import DatasetError

from mnist_resnet.errors import UserError


@click.group(context_settings=CONTEXT_SETTINGS, name=__package__)
def cli() -> None:
    """Train, export and evaluate ResNets on MNIST-shaped data."""


def _plainly(command: Callable[..., Any] | None) -> Callable[..., Any]:
    """Let a command end with the message of an error that a user can mend, without a traceback."""
    assert command is not None

    @functools.wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        try:
            return command(*arguments, **options)
        except (UserError, DatasetError) as error:
            raise click.ClickException(str(error)) from error

    return wrapped


run = copy.copy(kedro_run)
run.callback = _plainly(kedro_run.callback)
cli.add_command(run)
