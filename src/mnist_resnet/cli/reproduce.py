"""``kedro reproduce``: a recorded run made again, and the verdict on both."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mnist_resnet.cli.project import without_traceback
from mnist_resnet.cli.verdicts import CannotTellError, ending_with_verdict, print_verdict
from mnist_resnet.comparison.level import Tolerances
from mnist_resnet.terminal.streams import write_line

if TYPE_CHECKING:
    from mnist_resnet.comparison.finished_runs import Comparison


@click.command()
@click.argument("run_id")
@click.option("--dry-run", is_flag=True, help="Show the preflight table and stop.")
@click.option("--strict", is_flag=True, help="Refuse if anything differs that may change the result.")
@click.option(
    "--in-place", is_flag=True, help="Run the source in this folder, not a clone; overwrites the outputs here."
)
@click.option("--trust-patch", is_flag=True, help="Apply the recorded uncommitted changes without asking.")
@click.option("--keep", is_flag=True, help="Keep the temporary folder.")
@without_traceback
@ending_with_verdict
def reproduce(
    run_id: str,
    dry_run: bool,
    strict: bool,
    in_place: bool,
    trust_patch: bool,
    keep: bool,
    project: Path,
    store: str,
    tolerances: Tolerances,
) -> "Comparison | None":
    """Make a recorded run again from its commit, parameters and data, and say whether it came out the same.

    RUN_ID is an MLflow run id, a unique beginning of it, or a run name. The run is made in a temporary clone, and
    recorded as a new MLflow run. The exit code is 0 for the verdict of --at-least or a better one, 1 for a worse one,
    and 2 if the run could not be made again.
    """
    from mnist_resnet.reproduce.preflight import as_table, refuse
    from mnist_resnet.reproduce.rerun import make_again, plan
    from mnist_resnet.reproduce.workplace import scratch_folder
    from mnist_resnet.terminal.tables import show

    planned = plan(run_id, store, project, in_place)
    show(as_table(planned.checks))
    refuse(planned.checks, strict)
    if dry_run:
        return None
    if planned.patch is not None:
        _confirm_patch(planned.patch, trust_patch)
    with scratch_folder(keep) as folder:
        if keep:
            _say(f"Temporary folder, which is kept: {folder}")
        comparison = make_again(planned, folder, tolerances, _say)
    print_verdict(comparison)
    return comparison


def _confirm_patch(patch: bytes, trusted: bool) -> None:
    """Show a recorded patch, which is code, and let only a trusted one pass."""
    from mnist_resnet.reproduce.checkout import as_shown

    write_line(f"The run was made with these uncommitted changes:\n\n{as_shown(patch)}")
    if trusted:
        return
    if not sys.stdin.isatty():
        raise CannotTellError(
            "the patch above is code, and there is no terminal to confirm it; read it, then add --trust-patch"
        )
    if not click.confirm("Apply this patch and run it?"):
        raise CannotTellError("the patch was not confirmed")


def _say(text: str) -> None:
    write_line(f"→ {text}")
