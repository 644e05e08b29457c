"""``kedro layers``: the networks of a recipe as tables."""

import click
from kedro.framework.cli.utils import env_option, split_string

from mnist_resnet.cli.project import conf_source_option, load_context, require_known, without_traceback
from mnist_resnet.config import Dataset, NamespaceParameters, validate_parameters


@click.command()
@env_option
@conf_source_option
@click.option("--namespaces", callback=split_string, default="", help="Data sets, separated by commas. Default: all.")
@without_traceback
def layers(env: str | None, namespaces: list[str]) -> None:
    """Print each layer of the networks that a recipe trains, with shapes and parameters."""
    parameters = validate_parameters(load_context(env).config_loader["parameters"])
    for name in namespaces or parameters.namespaces:
        require_known(name, parameters.namespaces)
        _print_network(parameters.datasets[name], parameters.namespaces[name])


def _print_network(dataset: Dataset, parameters: NamespaceParameters) -> None:
    from rich.table import Table

    from mnist_resnet.models.resnet import build_network
    from mnist_resnet.preprocessing import Preprocessing
    from mnist_resnet.reporting.layer_table import parameters_in_words, tabulate_layers
    from mnist_resnet.terminal.tables import show

    any_values = Preprocessing(parameters.preprocessing.method, parameters.preprocessing.size, mean=0.0, scale=1.0)
    rows = tabulate_layers(build_network(parameters.model, any_values, dataset.image_size, len(dataset.class_names)))
    title = f"{dataset.title}, {parameters.model.architecture}"
    table = Table("layer", "kind", "output shape", title=title, caption=parameters_in_words(rows))
    table.add_column("parameters", justify="right")
    for row in rows:
        table.add_row(*row.cells())
    show(table)
