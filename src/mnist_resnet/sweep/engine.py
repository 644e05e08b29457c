"""A sweep from its plan to its outcome: trials as Ray's tasks, one scheduler, one record in MLflow."""

import io
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mnist_resnet.computing.cluster import cluster
from mnist_resnet.config import Parameters, flatten, nest, validate_parameters
from mnist_resnet.sweep.cluster_checks import check_nodes
from mnist_resnet.sweep.outcome import OUTCOME_FILE, SweepOutcome, outcome_of
from mnist_resnet.sweep.plan import SweepPlan
from mnist_resnet.sweep.progress_lines import ProgressLines
from mnist_resnet.sweep.project_session import configured_parameters, require_unchanged
from mnist_resnet.sweep.promotion import promote
from mnist_resnet.sweep.sweep_options import check_recorded
from mnist_resnet.sweep.trial_result import DONE
from mnist_resnet.sweep.trial_runner import TrialRunner
from mnist_resnet.sweep.trial_runs import close_dead_children
from mnist_resnet.terminal import signals
from mnist_resnet.tracking.run_lookup import find_run
from mnist_resnet.tracking.store.address import absolute_uri, tracking_uri
from mnist_resnet.tracking.store.database import present_store
from mnist_resnet.tracking.sweep_run import open_sweep_run, read_plan
from mnist_resnet.tracking.tracked_run import TrackedRun

_TABLE_FILE, _TABLE_COLUMNS = "sweep.txt", 160


def recorded_plan(run_id: str, project: Path) -> SweepPlan:
    """The plan of an earlier sweep.

    Args:
        run_id: MLflow's identifier of its run, or the beginning of it.
        project: The project's folder.

    Raises:
        RecordedRunError: If there is no such run, or it is no sweep.
        SweepError: If its plan cannot be read.
    """
    return SweepPlan.from_json(read_plan(find_run(run_id, present_store(project))))


def run_sweep(
    plan: SweepPlan, project: Path, address: str | None, resume: str | None, lines: ProgressLines
) -> SweepOutcome:
    """Run all trials of a plan, as many at the same time as there is room for, and record what they come to.

    Args:
        plan: Checked.
        project: The project's folder.
        address: Of a Ray cluster; if None, that of RAY_ADDRESS, else this machine alone.
        resume: MLflow's identifier of the run of a sweep that goes on, or the beginning of it.
        lines: Told of what happens.

    Raises:
        SweepError: If no node has room for a trial, or the nodes cannot share what is needed.
        ClusterError: If the cluster cannot be used.
        SweepRunError: If the sweep cannot be recorded, or goes on elsewhere.
    """
    started, parameters = time.monotonic(), validate_parameters(configured_parameters(project, plan))
    store = absolute_uri(tracking_uri(project))
    earlier = find_run(resume, present_store(project)) if resume else None
    check_recorded(parameters, plan.params)
    with cluster(address) as ray:
        check_nodes(ray, plan, project, store)
        experiment, explicit = parameters.tracking.experiment, "tracking.experiment" in plan.params
        named = project, experiment, explicit, parameters.recipe
        with open_sweep_run(*named, plan.as_json(), _asked(plan), earlier) as run:
            lines.recorded(run.run_id, run.recorder.where())
            trials = TrialRunner(ray, plan, project, run, lines)
            results = _run_trials(trials, resumed=earlier is not None)
            outcome = outcome_of(plan, results, time.monotonic() - started, run.run_id)
            if plan.promote:
                run.log_files({OUTCOME_FILE: outcome.as_json()})  # where a promotion fails, it stays
                require_unchanged(project, plan)
                outcome = _with_promotions(outcome, trials, parameters)
            _log(outcome, run)
    return outcome


def _run_trials(trials: TrialRunner, resumed: bool) -> Sequence[Any]:
    def close() -> None:
        close_dead_children(trials.record)

    signals.register(close)  # where Ray does not let this process stop by itself
    try:
        if resumed:
            trials.resume()
        return trials.run()
    finally:
        signals.unregister(close)


def _with_promotions(outcome: SweepOutcome, trials: TrialRunner, parameters: Parameters) -> SweepOutcome:
    """The outcome with what became of the winners; each is the best of many, so they share one chance (Bonferroni).

    Trials that were pruned have their share: they were left out by the images on which the winner is then compared.
    """
    compared = sum(result.status in DONE for result in outcome.trials)
    by_number = {result.trial.number: result.trial for result in outcome.trials}
    winners = {name: by_number[winner.trial] for name, winner in outcome.winners.items()}
    promotions = {
        name: promote(trials.task(trial), name, parameters.namespaces[name].release.significance / compared)
        for name, trial in winners.items()
    }
    return replace(outcome, promotions=promotions)


def _asked(plan: SweepPlan) -> dict[str, Any]:
    """What the sweep was asked for, as parameters of its run."""
    asked = {
        "pipelines": ",".join(plan.pipelines),
        "namespaces": ",".join(plan.namespaces),
        "varied": ",".join(plan.varied),
        **{name: getattr(plan, name) for name in ("count", "prune", "cpus", "gpus", "promote")},
    }
    return flatten({**asked, "params": nest(plan.params)})


def _log(outcome: SweepOutcome, run: TrackedRun) -> None:
    """Record the outcome, and close the run by it."""
    run.log_metrics(outcome.metrics())
    run.log_files({OUTCOME_FILE: outcome.as_json(), _TABLE_FILE: _as_text(outcome), **_pictures(outcome)})
    run.close("FINISHED" if outcome.succeeded else "FAILED")


def _as_text(outcome: SweepOutcome) -> bytes:
    from rich.console import Console

    from mnist_resnet.sweep.outcome_table import as_tables

    written = io.StringIO()
    console = Console(file=written, width=_TABLE_COLUMNS, markup=False, emoji=False, highlight=False)
    for part in as_tables(outcome):
        console.print(part)
    return written.getvalue().encode()


def _pictures(outcome: SweepOutcome) -> dict[str, bytes]:
    from mnist_resnet.reporting.plots.canvas import as_png
    from mnist_resnet.sweep.plots import draw

    return {name: as_png(figure) for name, figure in draw(outcome).items()}
