"""A recorded run made again: checked, rebuilt, run, and compared with the record."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from mnist_resnet.comparison.outcome import Tolerances
from mnist_resnet.comparison.record import Record
from mnist_resnet.comparison.recorded_runs import compare_recorded, whole_record
from mnist_resnet.comparison.table import ComparedRun, as_markdown, as_values
from mnist_resnet.comparison.verdict import Verdict
from mnist_resnet.computing.processor import set_by_user
from mnist_resnet.data.fetch import MIRROR_VARIABLE
from mnist_resnet.provenance.environment import collect_environment, decisive_variables
from mnist_resnet.provenance.record import COMMAND_VARIABLE
from mnist_resnet.reproduce.checkout import check_present_source, check_source, clone
from mnist_resnet.reproduce.options import preparing_options, run_options
from mnist_resnet.reproduce.preflight import Check, check_determinism, check_environment
from mnist_resnet.reproduce.raw_data import find_raw_data
from mnist_resnet.reproduce.restoring import check_precision, restored_variables, with_recorded_precision
from mnist_resnet.reproduce.workplace import RerunError, Workplace, choose_python
from mnist_resnet.tracking.reproduction_run import open_reproduction
from mnist_resnet.tracking.run_lookup import RecordedRun, find_run

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """All that is known before a reproduction.

    Attributes:
        run: The run to repeat.
        record: Its provenance.
        patch: The uncommitted changes that it was made with, if any.
        project: The folder of the present project.
        in_place: Whether to run there, with the source as it is.
        checks: The preflight table.
        mirror: Where the published files are taken from first.
        locks: Digests of the lock files that the present Python belongs to, by name.
        restored: Environment variables by which this machine computes as the recorded one.
    """

    run: RecordedRun
    record: Record
    patch: bytes | None
    project: Path
    in_place: bool
    checks: tuple[Check, ...]
    mirror: str | None
    locks: Mapping[str, str]
    restored: Mapping[str, str]


def plan(wanted: str, store: str, project: Path, in_place: bool = False) -> Plan:
    """Find a run and compare what it was made from with what is here; nothing is changed.

    Args:
        wanted: The run's identifier, the beginning of it, or its name.
        store: The tracking URI of the store that holds it.
        project: The folder of the present project.
        in_place: Whether to use the source as it is there, instead of the recorded one.

    Raises:
        RecordedRunError: If the run cannot be found, or has no provenance.
        UndecidableError: If the run did not finish, or its provenance is of another schema or damaged.
    """
    run = find_run(wanted, store)
    record = whole_record(run)
    source = record["source"]
    patch = run.patch() if source and source["dirty"] and not in_place else None
    reason = record.get("source_missing_because")
    sources = check_present_source(project, source) if in_place else check_source(project, source, patch, reason)
    environment = asdict(collect_environment(project))
    restored = restored_variables(record, environment, set_by_user(os.environ))
    # The present source states by itself what the package has stated here; a recorded one may not.
    variables = (dict(os.environ) if in_place else set_by_user(os.environ)) | restored
    environment["variables"] = decisive_variables(variables)
    machine = check_environment(record["environment"], environment, restored)
    data, mirror = find_raw_data(project, os.environ.get(MIRROR_VARIABLE), record["parameters"]["datasets"])
    determinism = check_determinism(record["parameters"], sorted(record["namespaces"]))
    checks = (*sources, *machine, check_precision(record, variables), data, determinism)
    return Plan(run, record, patch, project, in_place, checks, mirror, environment["lock_files"], restored)


def reproduce(
    planned: Plan, scratch: Path, tolerances: Tolerances, say: Say
) -> tuple[Verdict, ComparedRun, ComparedRun]:
    """Make a recorded run again and compare both.

    Args:
        planned: As ``plan`` gives it, without a check that failed.
        scratch: An empty folder.
        tolerances: What the runs may differ by.
        say: Tells the user what happens.

    Returns:
        The verdict, and both runs as it names them.

    Raises:
        CheckoutError: If the recorded source cannot be had.
        RerunError: If the run could not be made again.
    """
    workplace = _workplace(planned, scratch, say)
    workplace.require_own_package()
    variables = dict(planned.restored) | ({MIRROR_VARIABLE: planned.mirror} if planned.mirror else {})
    record = with_recorded_precision(planned.record, os.environ | variables)
    _prepare(record, workplace, variables, say)
    with open_reproduction(planned.run, planned.project) as reproduction:
        say(f"Running it again, as run {reproduction.run_id[:8]}")
        options = run_options(record, reproduction.experiment)
        asked = {COMMAND_VARIABLE: f"reproduce {planned.run.run_id}"}
        if workplace.kedro_run(options, variables | asked | reproduction.variables()) != 0:
            raise RerunError(f"run {reproduction.run_id[:8]}, which repeats it, failed; what it printed is above")
    compared = compare_recorded(planned.run.run_id, reproduction.run_id, planned.run.store, tolerances)
    reproduction.log_verdict(compared[0].level.name, _documents(*compared), planned.run)
    return compared


def _workplace(planned: Plan, scratch: Path, say: Say) -> Workplace:
    if planned.in_place:
        return Workplace(planned.project, Path(sys.executable), scratch)
    source = planned.record["source"]
    assert source is not None  # the preflight refuses a run without one
    commit = source["commit"]
    say(f"Cloning commit {commit[:12]} into {scratch}")
    project = clone(planned.project, commit, planned.patch, scratch / "repository")
    # Kedro asks for the folder, of which git keeps nothing.
    (project / "conf" / "local").mkdir(parents=True, exist_ok=True)
    if planned.locks != planned.record["environment"]["lock_files"]:
        say("Installing its own environment: its lock file is another than the present one")
    return Workplace(project, choose_python(project, planned.locks, planned.record), scratch)


def _prepare(record: Record, workplace: Workplace, variables: Mapping[str, str], say: Say) -> None:
    """Make what the run found there from earlier runs."""
    options = preparing_options(record)
    if options is None:
        return
    say(f"Making first what it found there, without recording that: {options['pipelines']}")
    if workplace.kedro_run(options, variables) != 0:
        raise RerunError("what the run found there could not be made again; what was printed is above")


def _documents(verdict: Verdict, first: ComparedRun, second: ComparedRun) -> dict[str, str]:
    values = json.dumps(as_values(verdict, first, second), indent=1, ensure_ascii=False)
    return {"reproduction.json": f"{values}\n", "reproduction.md": as_markdown(verdict, first, second)}
