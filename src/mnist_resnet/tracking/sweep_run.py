"""The MLflow run of a sweep, whose trials are its children: opened, or opened again to go on."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from mnist_resnet.computing.variables import set_variables
from mnist_resnet.errors import UserError
from mnist_resnet.provenance.record import RunStatus, status_after
from mnist_resnet.terminal.paths import shown_path
from mnist_resnet.terminal.program import command_line
from mnist_resnet.tracking.dead_runs import close_dead_runs, locked_while_open, reopen
from mnist_resnet.tracking.offline.spool import spools_of
from mnist_resnet.tracking.run_creation import commit_tags, opened_for_another_process
from mnist_resnet.tracking.run_lookup import RecordedRun, RecordedRunError
from mnist_resnet.tracking.tracked_run import TrackedRun

PLAN_FILE = "plan.json"
_RUN = "MLFLOW_RUN_ID"


class SweepRunError(UserError, RuntimeError):
    """A sweep that cannot be recorded as it is asked for."""


@contextmanager
def open_sweep_run(
    project: Path,
    experiment: str,
    explicit: bool,
    recipe: str,
    plan: bytes,
    parameters: Mapping[str, Any],
    earlier: RecordedRun | None,
) -> Iterator[TrackedRun]:
    """Open the run of a sweep; it ends as the block does: FINISHED, FAILED by an error, or KILLED.

    Args:
        project: The project's folder.
        experiment: The name of the experiment, unless the environment names another. A sweep that goes on stays in its
            own.
        explicit: Whether the experiment goes before what the environment names.
        recipe: Of all trials.
        plan: The sweep's plan, which is recorded.
        parameters: What the sweep was asked for, flat; ``pipelines`` and ``namespaces`` are tags, too.
        earlier: The run of a sweep that goes on, in the same run; None for a new one.

    Raises:
        SweepRunError: If the store is away, or the sweep that is to go on is still running or not wholly recorded.
    """
    tags = {"recipe": recipe, "command": command_line(), **commit_tags(project)}
    tags |= {key: str(parameters[key]) for key in ("pipelines", "namespaces")}
    with ExitStack() as held:
        if earlier:
            experiment, tags = held.enter_context(_reopened(earlier, project))
            explicit = True
        run = TrackedRun(project, experiment, f"{recipe} sweep", tags, parameters, explicit=explicit)
        status: RunStatus = "FINISHED"
        try:
            if run.recorder.has_left_store:
                raise SweepRunError(
                    "MLflow's store does not answer, but a sweep must be recorded there; try again once it does"
                )
            run.log_files({PLAN_FILE: plan})
            yield run
        except BaseException as error:
            status = status_after(error)
            raise
        finally:
            run.close(status)  # does nothing if the block has closed it


@contextmanager
def _reopened(earlier: RecordedRun, project: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Let the next run that is opened be an earlier one; if none is, that one ends again as it had ended.

    Yields:
        The name of its experiment, and the tags by which others know that it is open.
    """
    import mlflow

    if spools := spools_of(project, earlier.run_id):  # sent later, they would overwrite what follows
        raise SweepRunError(
            f"--resume: the rest of the record of {earlier.in_words()} is in {shown_path(spools[0], project)}; type "
            f"`kedro sync-tracking` first"
        )
    client = mlflow.MlflowClient(earlier.store)
    run = client.get_run(earlier.run_id)
    experiment = client.get_experiment(run.info.experiment_id).name
    close_dead_runs(client, experiment, project)
    run = client.get_run(earlier.run_id)
    if run.info.status == "RUNNING":
        raise SweepRunError(
            f"--resume: {earlier.in_words()} is still running, or was on a machine that is not seen from here; wait "
            f"for it, or end it in MLflow: `mlflow.MlflowClient().set_terminated('{earlier.run_id}', 'KILLED')`"
        )
    with locked_while_open(project) as lock:
        reopen(client, run)
        try:
            with set_variables({_RUN: earlier.run_id}):  # MLflow takes it away when it opens the run
                yield experiment, lock
        except BaseException:
            with suppress(Exception):  # of a store that is away
                if client.get_run(earlier.run_id).info.status == "RUNNING":
                    client.set_terminated(earlier.run_id, run.info.status)
            raise


def read_plan(run: RecordedRun) -> bytes:
    """The plan that was recorded of a sweep.

    Raises:
        RecordedRunError: If the run is not a sweep.
        TrackingUnavailableError: If the store or its files cannot be read.
    """
    content = run.artifact(PLAN_FILE)
    if content is None:
        raise RecordedRunError(f"--resume: {run.in_words()} is not a sweep; give the id of a sweep's own run")
    return content


@contextmanager
def open_promotion(store: str, experiment: str, name: str, sweep: str, project: Path) -> Iterator[dict[str, str]]:
    """Open a run that another process fills, and that belongs to a sweep; see ``opened_for_another_process``.

    Args:
        store: MLflow's tracking URI.
        experiment: The name of the experiment.
        name: The run's name.
        sweep: The sweep's run, which a tag names.
        project: The project's folder.

    Yields:
        The environment variables by which the other process finds it.
    """
    import mlflow

    client = mlflow.MlflowClient(store)
    identifier, tags = client.get_experiment_by_name(experiment).experiment_id, {"sweep.promotes_for": sweep}
    with opened_for_another_process(client, identifier, name, tags, project) as run_id:
        yield {"MLFLOW_TRACKING_URI": store, "MLFLOW_EXPERIMENT_NAME": experiment, _RUN: run_id}
