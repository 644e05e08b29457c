"""``kedro sync-tracking``: runs that were recorded offline, sent to MLflow."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mnist_resnet.cli.project import current_project, without_traceback
from mnist_resnet.errors import UserError
from mnist_resnet.terminal.streams import write_line

if TYPE_CHECKING:
    from mnist_resnet.tracking.offline.upload import Pending


@click.command("sync-tracking")
@click.option(
    "--tracking-uri",
    help="MLflow's store to send to. Default: the one that each run was meant for, with the credentials of "
    "MLFLOW_TRACKING_URI if it names the same store.",
)
@click.option("--dry-run", is_flag=True, help="List what would be sent, without contacting MLflow.")
@without_traceback
def sync_tracking(tracking_uri: str | None, dry_run: bool) -> None:
    """Send to MLflow what was kept in mlspool/ while MLflow did not answer, or because of tracking.offline.

    If it breaks off, type it again: nothing is sent twice. A run that was recorded offline gets an id from MLflow; its
    first one stays as the tag offline_run_id. Models are registered as candidates, unless one was evaluated later; the
    next `kedro run --pipelines evaluate` decides who is champion. The exit code is 0 if only runs that are still going
    on are left, and 1 if something could not be sent.
    """
    from mnist_resnet.tracking.offline.spool import locked, spool_folders
    from mnist_resnet.tracking.offline.upload import pending

    project = current_project()
    folders, away, failed = spool_folders(project), set[str](), False
    if not folders:
        write_line("Nothing to send")
    for folder in folders:  # a later run may register a model that an earlier one has recorded, so their order counts
        try:
            with locked(folder) as mine:
                if not mine:
                    write_line(f"{folder.name}: skipped, its run is still going on or another process is sending it")
                    continue
                spool = pending(folder, project, tracking_uri)
                _describe(spool)
                if not dry_run:
                    _send(spool, project, away)
        except (UserError, OSError) as error:
            write_line(f"Error: {error}", sys.stderr)
            failed = True
    if failed:
        sys.exit(1)


def _describe(spool: "Pending") -> None:
    from mnist_resnet.terminal.redaction import without_credentials
    from mnist_resnet.tracking.offline.upload import progress_of

    before = progress_of(spool.folder)
    sent = f", of which {before.sent} were sent to {before.store}" if before else ""
    part = "the rest of run" if spool.run.created else "run"
    write_line(
        f"{part} {spool.run.run_id[:8]} ({spool.run.name}): {len(spool.operations)} records{sent}, for "
        f"{without_credentials(spool.target)}"
    )


def _send(spool: "Pending", project: Path, away: set[str]) -> None:
    """Send one spool, unless its store is known to be away; if it turns out to be, it is added to ``away``."""
    from mnist_resnet.terminal.progress import progress
    from mnist_resnet.tracking.offline.spool import SpoolError
    from mnist_resnet.tracking.offline.upload import upload
    from mnist_resnet.tracking.store.remedies import StoreAwayError

    run = f"run {spool.run.run_id[:8]}"
    if spool.target in away:
        raise SpoolError(f"{run}: not sent, its store does not answer (see above)")
    try:
        with progress(f"Sending {spool.run.name}", len(spool.operations), "records") as advance:
            run_id = upload(spool, project, advance)
    except UserError as error:
        if isinstance(error, StoreAwayError):
            away.add(spool.target)
        remedy = "--tracking-uri names another store"
        if spool.run.created:
            remedy = "the rest of a run goes where its beginning is; remove the folder if that is gone for good"
        raise SpoolError(
            f"{run}: {error}. What was not sent stays in {spool.folder}. It was meant for {spool.run.store}; {remedy}"
        ) from error
    write_line(f"Sent; MLflow's run is {run_id}")
