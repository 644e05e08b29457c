"""A recorded run made again: checked, rebuilt, run, and compared with the record."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mnist_resnet.comparison.finished_runs import Comparison, compare_recorded, finished_record
from mnist_resnet.comparison.level import Tolerances
from mnist_resnet.comparison.table import as_markdown, as_values
from mnist_resnet.computing.processor import set_by_user
from mnist_resnet.data.fetch import MIRROR_VARIABLE
from mnist_resnet.errors import UserError
from mnist_resnet.provenance.environment import collect_environment, decisive_variables
from mnist_resnet.provenance.record import Provenance
from mnist_resnet.reproduce.checkout import check_present_source, check_source, clone
from mnist_resnet.reproduce.options import in_current_names, preparing_options, run_options
from mnist_resnet.reproduce.preflight import (
    Check,
    ReproductionError,
    check_determinism,
    check_environment,
    check_wholeness,
)
from mnist_resnet.reproduce.raw_data import find_raw_data
from mnist_resnet.reproduce.restoring import check_precision, restored_variables, with_recorded_precision
from mnist_resnet.reproduce.workplace import Workplace, choose_python
from mnist_resnet.terminal.program import COMMAND_VARIABLE
from mnist_resnet.tracking.reproduction_run import open_reproduction
from mnist_resnet.tracking.run_lookup import RecordedRun, find_run

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """All that is known before a reproduction.

    Attributes:
        run: The run to repeat.
        record: Its provenance, with parameters as the source that is to run calls them.
        patch: The uncommitted changes that it was made with, if any.
        project: The folder of the present project.
        in_place: Whether to run there, with the source as it is.
        checks: The preflight table.
        locks: Digests of the lock files that the present Python belongs to, by name.
        variables: Set for the run: those to compute as the recorded machine, and the place of the published files.
    """

    run: RecordedRun
    record: Provenance
    patch: bytes | None
    project: Path
    in_place: bool
    checks: tuple[Check, ...]
    locks: Mapping[str, str]
    variables: Mapping[str, str]


def plan(wanted: str, store: str, project: Path, in_place: bool = False) -> Plan:
    """Find a run and compare what it was made from with what is here; nothing is changed.

    Args:
        wanted: The run's identifier, the beginning of it, or its name.
        store: The tracking URI of the store that holds it.
        project: The folder of the present project.
        in_place: Whether to use the source as it is there, instead of the recorded one.

    Raises:
        RecordedRunError: If the run cannot be found, or has no provenance.
        ProvenanceError: If its provenance is of another schema or damaged.
        UndecidableError: If the run did not finish.
    """
    run = find_run(wanted, store)
    record = finished_record(run)
    source, patch = record.source, None
    if in_place:
        record, sources = in_current_names(record), check_present_source(project, source)
    else:
        patch = run.patch() if source and source.dirty else None
        sources = check_source(project, source, patch, record.source_missing_because)
    present = collect_environment(project)
    restored = restored_variables(record, present, set_by_user(os.environ))
    # The present source states by itself what the package has stated here; a recorded one may not.
    variables = (dict(os.environ) if in_place else set_by_user(os.environ)) | restored
    present = replace(present, variables=decisive_variables(variables))
    mirror = os.environ.get(MIRROR_VARIABLE)
    data, mirror = find_raw_data(project, mirror, record.parameters["datasets"], record.catalog)
    checks = (
        *sources,
        *check_environment(record.environment, present, restored),
        check_precision(record, variables),
        data,
        check_determinism(record),
        *check_wholeness(record),
    )
    settings = restored | ({MIRROR_VARIABLE: mirror} if mirror else {})
    return Plan(run, record, patch, project, in_place, checks, present.lock_files, settings)


def make_again(planned: Plan, scratch: Path, tolerances: Tolerances, say: Say) -> Comparison:
    """Make a recorded run again and compare both.

    Args:
        planned: As ``plan`` gives it, without a check that failed.
        scratch: An empty folder.
        tolerances: What the runs may differ by.
        say: Tells the user what happens.

    Raises:
        ReproductionError: If the recorded source cannot be had, or the run could not be made again.
    """
    workplace = _workplace(planned, scratch, say)
    workplace.require_own_package()
    record = with_recorded_precision(planned.record, os.environ | dict(planned.variables))
    if before := preparing_options(record):
        say(f"First making what the run read from earlier runs, unrecorded: {before['pipelines']}")
        if workplace.kedro_run(before, planned.variables) != 0:
            raise ReproductionError("what the run read from earlier runs could not be made; its output is above")
    with open_reproduction(planned.run, planned.project) as reproduction:
        say(f"Running it again, as run {reproduction.run_id[:8]}")
        asked = {COMMAND_VARIABLE: f"reproduce {planned.run.run_id}", **reproduction.variables()}
        options = run_options(record, reproduction.experiment)
        if workplace.kedro_run(options, {**planned.variables, **asked}) != 0:
            raise ReproductionError(f"run {reproduction.run_id[:8]}, the reproduction, failed; its output is above")
    comparison = compare_recorded(planned.run.run_id, reproduction.run_id, planned.run.store, tolerances)
    values = json.dumps(as_values(comparison), indent=1, ensure_ascii=False)
    documents = {"reproduction.json": f"{values}\n", "reproduction.md": as_markdown(comparison)}
    try:
        reproduction.log_verdict(_as_tag(comparison, planned, tolerances), documents, planned.run)
        say(f"Recorded as run {reproduction.run_id}, with {' and '.join(documents)}")
    except UserError as error:
        say(f"The verdict is not recorded: {error}")
    return comparison


def _as_tag(comparison: Comparison, planned: Plan, tolerances: Tolerances) -> str:
    """The verdict, with what makes it another one than of the same source by the usual tolerances."""
    unusual = ["in place"] * planned.in_place + ["by other tolerances"] * (tolerances != Tolerances())
    return " ".join([comparison.verdict.level.name, *unusual])


def _workplace(planned: Plan, scratch: Path, say: Say) -> Workplace:
    if planned.in_place:
        return Workplace(planned.project, Path(sys.executable), scratch)
    source, recorded = planned.record.source, planned.record.environment
    assert source is not None  # the preflight refuses a run without one
    say(f"Cloning commit {source.commit[:12]} into {scratch}")
    project = clone(planned.project, source.commit, planned.patch, scratch / "repository")
    # Kedro asks for the folder, of which git keeps nothing.
    (project / "conf" / "local").mkdir(parents=True, exist_ok=True)
    if planned.locks != recorded.lock_files:
        say("Installing its own environment: its lock file differs from the present one")
    return Workplace(project, choose_python(project, planned.locks, recorded), scratch)
