"""``kedro compare``: whether two recorded runs came out the same."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from kedro.utils import find_kedro_project

from mnist_resnet.errors import UserError

if TYPE_CHECKING:
    from mnist_resnet.reproduce.table import ComparedRun
    from mnist_resnet.reproduce.verdict import Verdict

_LEVELS = ("BITWISE", "NUMERIC", "STATISTICAL", "DIFFERENT")
_WIDE = 10_000
_Tolerance = click.FloatRange(min=0, max=1)


class _CannotTell(click.ClickException):
    exit_code = 2


@click.command()
@click.argument("run_a")
@click.argument("run_b")
@click.option(
    "--at-least",
    type=click.Choice(_LEVELS, case_sensitive=False),
    default="NUMERIC",
    show_default=True,
    help="The verdict below which the command fails.",
)
@click.option("--tracking-uri", help="MLflow's store; if left out, MLFLOW_TRACKING_URI, else the project's mlflow.db.")
@click.option(
    "--probability-tolerance",
    type=_Tolerance,
    default=1e-3,
    show_default=True,
    help="NUMERIC: the largest difference of two probabilities.",
)
@click.option(
    "--accuracy-tolerance",
    type=_Tolerance,
    help="STATISTICAL: the largest difference of two accuracies; if left out, half the width of the 95 % confidence "
    "interval of RUN_A's.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def compare(
    run_a: str,
    run_b: str,
    at_least: str,
    tracking_uri: str | None,
    probability_tolerance: float,
    accuracy_tolerance: float | None,
    as_json: bool,
) -> None:
    """Say whether two recorded runs came out the same, and if not, what differs first.

    RUN_A and RUN_B are MLflow run ids, unique beginnings of them, or run names. Nothing is run. The exit code is 0
    for the verdict asked for by --at-least or a better one, 1 for a worse one, and 2 where it cannot be told.
    """
    from mnist_resnet.reproduce.outcome import Level, Tolerances
    from mnist_resnet.reproduce.recorded import compare_recorded
    from mnist_resnet.tracking.run import tracking_uri as default_uri

    store = tracking_uri or default_uri(find_kedro_project(Path.cwd()) or Path.cwd())
    try:
        compared = compare_recorded(run_a, run_b, store, Tolerances(probability_tolerance, accuracy_tolerance))
    except UserError as error:
        raise _CannotTell(str(error)) from error
    _print(*compared, as_json)
    if compared[0].level < Level[at_least.upper()]:
        sys.exit(1)


def _print(verdict: "Verdict", first: "ComparedRun", second: "ComparedRun", as_json: bool) -> None:
    from rich.console import Console

    from mnist_resnet.reproduce.table import as_tables, as_values

    if as_json:
        click.echo(json.dumps(as_values(verdict, first, second), indent=2, ensure_ascii=False))
        return
    console = Console(width=None if sys.stdout.isatty() else _WIDE, markup=False, emoji=False, highlight=False)
    for part in as_tables(verdict, first, second):
        console.print(part)
