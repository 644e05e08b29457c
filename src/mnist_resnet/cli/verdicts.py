"""The parts of the commands that end with a verdict: their options, its tables, and the exit codes."""

import functools
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from mnist_resnet.cli.project import CommandError, current_project, show_traceback, write_json
from mnist_resnet.comparison.level import Level, Tolerances
from mnist_resnet.errors import UserError
from mnist_resnet.terminal import signals
from mnist_resnet.terminal.streams import write_line

if TYPE_CHECKING:
    from mnist_resnet.comparison.finished_runs import Comparison

_INTERRUPTED = 130
_FRACTION = click.FloatRange(min=0, max=1)
_OPTIONS = (
    click.option(
        "--at-least",
        type=click.Choice([level.name for level in sorted(Level, reverse=True)], case_sensitive=False),
        default=Level.NUMERIC.name,
        show_default=True,
        help="The lowest verdict that counts as success (exit code 0).",
    ),
    click.option("--tracking-uri", help="MLflow's store. Default: MLFLOW_TRACKING_URI, else the project's mlflow.db."),
    click.option(
        "--probability-tolerance",
        type=_FRACTION,
        default=Tolerances.probability,
        show_default=True,
        help="NUMERIC: the largest difference of two probabilities.",
    ),
    click.option(
        "--accuracy-tolerance",
        type=_FRACTION,
        help="STATISTICAL: the largest difference of two accuracies. Default: half the width of the 95 % "
        "confidence interval of the first run's.",
    ),
)


class CannotTellError(CommandError):
    """There is no verdict; the message says why."""

    exit_code = 2


def ending_with_verdict(command: Callable[..., "Comparison | None"]) -> Callable[..., None]:
    """Give a command the options of a verdict, and the exit codes.

    Args:
        command: It is called with ``project``, the folder; ``store``, a tracking URI; ``tolerances``, and with options
            of its own. It returns None if no verdict was asked for.
    """

    @functools.wraps(command)
    def judged(
        at_least: str,
        tracking_uri: str | None,
        probability_tolerance: float,
        accuracy_tolerance: float | None,
        **own: Any,
    ) -> None:
        from mnist_resnet.tracking.store.database import present_store

        project = current_project()
        tolerances = Tolerances(probability_tolerance, accuracy_tolerance)
        try:
            store = present_store(project, tracking_uri)
            comparison = command(project=project, store=store, tolerances=tolerances, **own)
        except UserError as error:
            raise CannotTellError(str(error)) from error
        except (KeyboardInterrupt, click.Abort):
            write_line("Interrupted", sys.stderr)
            sys.exit(_INTERRUPTED)
        except (click.ClickException, click.exceptions.Exit):
            raise
        except Exception as error:
            if signals.requested():  # which a library has made an error of
                raise
            show_traceback()
            raise SystemExit(CannotTellError.exit_code) from error
        if comparison and comparison.verdict.level < Level[at_least.upper()]:
            sys.exit(1)

    for option in reversed(_OPTIONS):
        judged = option(judged)
    return judged


def print_verdict(comparison: "Comparison", as_json: bool = False) -> None:
    """Print a verdict as tables, or as one JSON document.

    Args:
        comparison: Two runs and the verdict on them.
        as_json: Whether to answer a program.
    """
    from mnist_resnet.comparison.table import as_tables, as_values
    from mnist_resnet.terminal.tables import show

    if as_json:
        write_json(as_values(comparison))
    else:
        show(*as_tables(comparison))
