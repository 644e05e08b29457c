"""The project's own commands, as ``kedro`` finds them inside this project."""

import copy
import functools
import sys
from collections.abc import Callable
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.cli.utils import CONTEXT_SETTINGS, env_option, split_string
from kedro.framework.session import KedroSession
from kedro.io import DatasetError

from mnist_resnet.config import Dataset, NamespaceParameters, validate_parameters
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


@cli.command()
@env_option
@click.option("--namespaces", callback=split_string, default="", help="Data sets, by commas; all if left out.")
def layers(env: str | None, namespaces: list[str]) -> None:
    """Print each layer of the networks that a recipe trains, with shapes and parameters."""
    _plainly(_print_layers)(env, namespaces)


def _print_layers(env: str | None, namespaces: list[str]) -> None:
    with KedroSession.create(env=env, save_on_close=False) as session:
        assert isinstance(session, KedroSession)
        parameters = validate_parameters(session.load_context().config_loader["parameters"])
    for name in namespaces or parameters.namespaces:
        if name not in parameters.namespaces:
            raise click.BadParameter(f"received '{name}'; the data sets are {', '.join(parameters.namespaces)}")
        _print_network(parameters.datasets[name], parameters.namespaces[name])


def _print_network(dataset: Dataset, parameters: NamespaceParameters) -> None:
    from rich.console import Console
    from rich.table import Table

    from mnist_resnet.models.resnet import build_network
    from mnist_resnet.models.table import layer_table
    from mnist_resnet.preprocessing import Preprocessing

    any_values = Preprocessing(parameters.preprocessing.method, parameters.preprocessing.size, mean=0.0, scale=1.0)
    rows = layer_table(build_network(parameters.model, any_values, dataset.image_size, len(dataset.class_names)))
    total, trainable = sum(row.parameters for row in rows), sum(row.trainable_parameters for row in rows)
    table = Table("layer", "kind", "output of one image", title=f"{dataset.title}, {parameters.model.variant}")
    table.add_column("parameters", justify="right")
    for row in rows:
        table.add_row(row.name, row.kind, "×".join(map(str, row.output_shape)), f"{row.parameters:,}")
    table.caption = f"{total:,} parameters, {trainable:,} of them trainable"
    Console(width=None if sys.stdout.isatty() else 110).print(table)
