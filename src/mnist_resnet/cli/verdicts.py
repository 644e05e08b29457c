"""What the commands share that end with a verdict: its options, how it is printed, and the exit codes."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from kedro.utils import find_kedro_project

from mnist_resnet.cli.project import CommandError, write_json

if TYPE_CHECKING:
    from mnist_resnet.comparison.table import ComparedRun
    from mnist_resnet.comparison.verdict import Verdict

_LEVELS = ("BITWISE", "NUMERIC", "STATISTICAL", "DIFFERENT")
_Tolerance = click.FloatRange(min=0, max=1)
_OPTIONS = (
    click.option(
        "--at-least",
        type=click.Choice(_LEVELS, case_sensitive=False),
        default="NUMERIC",
        show_default=True,
        help="The verdict below which the command fails.",
    ),
    click.option(
        "--tracking-uri", help="MLflow's store; if left out, MLFLOW_TRACKING_URI, else the project's mlflow.db."
    ),
    click.option(
        "--probability-tolerance",
        type=_Tolerance,
        default=1e-5,
        show_default=True,
        help="NUMERIC: the largest difference of two probabilities.",
    ),
    click.option(
        "--accuracy-tolerance",
        type=_Tolerance,
        help="STATISTICAL: the largest difference of two accuracies; if left out, half the width of the 95 % "
        "confidence interval of the first run's.",
    ),
)


class CannotTellError(CommandError):
    """There is no verdict; the message says why."""

    exit_code = 2


def verdict_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``at_least``, ``tracking_uri``, ``probability_tolerance`` and ``accuracy_tolerance``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def present_project() -> Path:
    """The folder of the project that the present folder is in; the present one if it is in none."""
    return find_kedro_project(Path.cwd()) or Path.cwd()


def print_verdict(verdict: "Verdict", first: "ComparedRun", second: "ComparedRun", as_json: bool = False) -> None:
    """Print a verdict as tables, or as one JSON document.

    Args:
        verdict: On both runs.
        first: The run that was there before.
        second: The one compared with it.
        as_json: Whether to answer a program.
    """
    from mnist_resnet.comparison.table import as_tables, as_values
    from mnist_resnet.terminal.tables import show

    if as_json:
        write_json(as_values(verdict, first, second))
        return
    show(*as_tables(verdict, first, second))


def exit_below(at_least: str, verdict: "Verdict") -> None:
    """End with exit code 1 if a verdict is worse than was asked for."""
    from mnist_resnet.comparison.outcome import Level

    if verdict.level < Level[at_least.upper()]:
        sys.exit(1)
