"""``kedro compare``: the verdict on two recorded runs."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mnist_resnet.cli.project import without_traceback
from mnist_resnet.cli.verdicts import ending_with_verdict, print_verdict
from mnist_resnet.comparison.level import Tolerances

if TYPE_CHECKING:
    from mnist_resnet.comparison.finished_runs import Comparison


@click.command()
@click.argument("run_a")
@click.argument("run_b")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@without_traceback
@ending_with_verdict
def compare(run_a: str, run_b: str, as_json: bool, project: Path, store: str, tolerances: Tolerances) -> "Comparison":
    """Say whether two recorded runs came out the same, and if not, what differs first.

    RUN_A and RUN_B are MLflow run ids, unique beginnings of them, or run names. Nothing is run. The exit code is 0
    for the verdict of --at-least or a better one, 1 for a worse one, and 2 if there is no verdict.
    """
    from mnist_resnet.comparison.finished_runs import compare_recorded

    comparison = compare_recorded(run_a, run_b, store, tolerances)
    print_verdict(comparison, as_json)
    return comparison
