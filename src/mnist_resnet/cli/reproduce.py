"""``kedro reproduce``: a recorded run made again, and whether it came out the same."""

import sys
from typing import TYPE_CHECKING

import click

from mnist_resnet.cli.project import plainly
from mnist_resnet.cli.verdicts import (
    CannotTellError,
    exit_below,
    present_project,
    print_verdict,
    verdict_options,
)
from mnist_resnet.errors import UserError
from mnist_resnet.terminal.streams import write_line

if TYPE_CHECKING:
    from mnist_resnet.comparison.outcome import Tolerances
    from mnist_resnet.comparison.verdict import Verdict
    from mnist_resnet.reproduce.rerun import Plan

_INTERRUPTED = 130


@click.command()
@click.argument("run_id")
@click.option("--dry-run", is_flag=True, help="End after the preflight table.")
@click.option("--strict", is_flag=True, help="Refuse if anything differs that may change the result.")
@click.option("--in-place", is_flag=True, help="Run the source as it is here, over the outputs that are here.")
@click.option("--trust-patch", is_flag=True, help="Apply the recorded uncommitted changes without asking.")
@click.option("--keep", is_flag=True, help="Leave the temporary folder.")
@verdict_options
@plainly
def reproduce(
    run_id: str,
    dry_run: bool,
    strict: bool,
    in_place: bool,
    trust_patch: bool,
    keep: bool,
    at_least: str,
    tracking_uri: str | None,
    probability_tolerance: float,
    accuracy_tolerance: float | None,
) -> None:
    """Make a recorded run again from its commit, parameters and data, and say whether it came out the same.

    RUN_ID is an MLflow run id, a unique beginning of it, or a run name. The run is made in a temporary clone, and
    recorded as a new MLflow run. The exit code is 0 for the verdict asked for by --at-least or a better one, 1 for a
    worse one, and 2 where the run could not be made again.
    """
    from mnist_resnet.comparison.outcome import Tolerances
    from mnist_resnet.reproduce.preflight import as_table, refuse
    from mnist_resnet.reproduce.rerun import plan
    from mnist_resnet.terminal.tables import show
    from mnist_resnet.tracking.store.database import present_store

    project = present_project()
    try:
        planned = plan(run_id, present_store(project, tracking_uri), project, in_place)
        show(as_table(planned.checks))
        refuse(planned.checks, strict)
        if dry_run:
            return
        _show_patch(planned.patch, trust_patch)
        verdict = _reproduce(planned, Tolerances(probability_tolerance, accuracy_tolerance), keep)
    except UserError as error:
        raise CannotTellError(str(error)) from error
    except KeyboardInterrupt:
        write_line("Interrupted", sys.stderr)
        sys.exit(_INTERRUPTED)
    exit_below(at_least, verdict)


def _reproduce(planned: "Plan", tolerances: "Tolerances", keep: bool) -> "Verdict":
    from mnist_resnet.reproduce.rerun import reproduce as make_again
    from mnist_resnet.reproduce.workplace import scratch_folder

    with scratch_folder(keep) as folder:
        if keep:
            _say(f"To be kept: {folder}")
        verdict, first, second = make_again(planned, folder, tolerances, _say)
    print_verdict(verdict, first, second)
    _say(f"Recorded as run {second.run_id}, with reproduction.json and reproduction.md")
    return verdict


def _show_patch(patch: bytes | None, trusted: bool) -> None:
    """Show a recorded patch, which is code, and let only a trusted one pass."""
    from mnist_resnet.reproduce.checkout import as_shown

    if patch is None:
        return
    write_line(f"The run was made with these uncommitted changes:\n\n{as_shown(patch)}")
    if trusted:
        return
    if not sys.stdin.isatty():
        raise CannotTellError("the patch above is code, and nobody is here to confirm it; read it, then --trust-patch")
    if not click.confirm("Apply this patch and run it?"):
        raise CannotTellError("the patch was not confirmed")


def _say(text: str) -> None:
    write_line(f"→ {text}")
