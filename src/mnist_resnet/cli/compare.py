"""``kedro compare``: whether two recorded runs came out the same."""

import click

from mnist_resnet.cli.project import plainly
from mnist_resnet.cli.verdicts import CannotTellError, exit_below, present_project, print_verdict, verdict_options
from mnist_resnet.errors import UserError


@click.command()
@click.argument("run_a")
@click.argument("run_b")
@verdict_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@plainly
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
    from mnist_resnet.comparison.outcome import Tolerances
    from mnist_resnet.comparison.recorded_runs import compare_recorded
    from mnist_resnet.tracking.store.database import present_store

    try:
        store = present_store(present_project(), tracking_uri)
        compared = compare_recorded(run_a, run_b, store, Tolerances(probability_tolerance, accuracy_tolerance))
    except UserError as error:
        raise CannotTellError(str(error)) from error
    print_verdict(*compared, as_json)
    exit_below(at_least, compared[0])
