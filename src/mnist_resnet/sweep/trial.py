"""A trial in a process of its own: one ``kedro run``, whose MLflow run is a child of the sweep's."""

import logging
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnist_resnet.computing.processor import THREADS_VARIABLE
from mnist_resnet.config import OF_ONE_RUN, OUTPUTS_VARIABLE
from mnist_resnet.sweep.plan import SweepPlan, Trial
from mnist_resnet.sweep.project_session import project_session, require_unchanged
from mnist_resnet.sweep.trial_result import DONE, Status, TrialResult
from mnist_resnet.sweep.trial_runs import SweepRecord, end_child, open_child, read_result
from mnist_resnet.terminal.paths import shown_path
from mnist_resnet.terminal.program import COMMAND_VARIABLE
from mnist_resnet.terminal.redaction import in_one_line
from mnist_resnet.terminal.signals import Interrupted, graceful_shutdown
from mnist_resnet.tracking.dead_runs import locked_while_open
from mnist_resnet.tracking.offline.spool import spools_of
from mnist_resnet.training.events import EpochResult, TrainingStopped, listening

LOG_FILE = "trial.log"
_HALF_RECORDED = (
    "MLflow's store went away, and the rest of its record is in {}; type `kedro sync-tracking`, then go on by --resume"
)
# After an epoch, counted from 1, with its validation loss: whether the trial is to stop.
Report = Callable[[int, float], bool]
_SIGNALS: dict[signal.Signals, Any] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
}


@dataclass(frozen=True)
class TrialTask:
    """All that a worker needs to run a trial, wherever it is.

    Attributes:
        project: The project's folder.
        plan: The sweep's plan.
        trial: Which trial.
        record: Where the sweep is recorded.
        outputs: The trial's own folder, in the project's.
        program: The path of the program that the user has typed.
    """

    project: Path
    plan: SweepPlan
    trial: Trial
    record: SweepRecord
    outputs: Path
    program: str


def run_trial(task: TrialTask, report: Report) -> TrialResult:
    """Run a trial in this process, which must have done nothing else before, or go on where an earlier one has stopped.

    What is printed goes to ``trial.log`` in the trial's folder. A trial that fails does not raise.

    Args:
        task: What to run.
        report: Told of each epoch; also of those that an earlier process of the same trial has trained.
    """
    started = time.monotonic()
    with ExitStack() as held:
        held.enter_context(_printing_to(task.outputs / LOG_FILE))
        held.enter_context(_default_signals())
        lock = held.enter_context(locked_while_open(task.project))
        run_id, earlier = open_child(task.record, task.trial, lock)
        _set_variables(task, run_id)
        status, reason = _outcome(task, report)
        if status in DONE and (spools := spools_of(task.project, run_id)):  # recorded are only the figures before
            status, reason = "FAILED", _HALF_RECORDED.format(shown_path(spools[0], task.project))
        end_child(task.record, run_id, status, reason, earlier + time.monotonic() - started)
    return read_result(task.record, run_id)


def _outcome(task: TrialTask, report: Report) -> tuple[Status, str | None]:
    """How the run ends, and why it failed."""
    try:
        with graceful_shutdown(lambda name: print(f"Interrupted by {name}", file=sys.stderr)):  # noqa: T201
            _kedro_run(task, report)
    except TrainingStopped:
        return "PRUNED", None
    except (Interrupted, KeyboardInterrupt):
        return "KILLED", None
    except Exception as error:  # noqa: BLE001  # whatever it is, the other trials go on
        return "FAILED", in_one_line(error) or type(error).__name__
    except SystemExit as error:
        return "FAILED", f"it has ended with exit code {error.code}"
    return "FINISHED", None


def _kedro_run(task: TrialTask, report: Report) -> None:
    def note(result: EpochResult) -> None:
        loss = result.validation_loss
        if loss is not None and report(result.epoch, loss):
            raise TrainingStopped(f"stopped after epoch {result.epoch}: its validation loss is worse than others'")

    plan = task.plan
    # It would warn of each trial that it does not show its progress; trials at the same time would share one file.
    logging.getLogger("kedro_viz").setLevel(logging.ERROR)
    require_unchanged(task.project, plan)
    with listening(note), project_session(task.project, plan, parameters_of(task)) as session:
        session.run(pipeline_names=list(plan.pipelines), namespaces=list(plan.namespaces), only_missing_outputs=True)


def parameters_of(task: TrialTask) -> dict[str, Any]:
    """The parameters of a trial by dotted key; trials register no model."""
    registers = {f"{name}.release.register": False for name in task.plan.namespaces}
    return {**registers, **task.plan.params, **task.trial.overrides}


def command_of(task: TrialTask) -> str:
    """The words after the program's name that run the same without a sweep."""
    return shlex.join(task.plan.run_command(task.plan.pipelines, task.plan.namespaces, parameters_of(task)))


def _set_variables(task: TrialTask, run_id: str) -> None:
    """Tell the run where it is recorded, where its outputs go, and how many cores it has.

    OpenMP and BLAS have read their variables when this process began; TensorFlow has not been imported yet.
    """
    for name in OF_ONE_RUN:
        os.environ.pop(name, None)
    os.environ |= {
        "MLFLOW_TRACKING_URI": task.record.store,
        "MLFLOW_EXPERIMENT_NAME": task.record.experiment,
        "MLFLOW_RUN_ID": run_id,
        OUTPUTS_VARIABLE: os.path.relpath(task.outputs, task.project),
        COMMAND_VARIABLE: command_of(task),
        THREADS_VARIABLE: str(task.plan.cpus),
    }
    os.chdir(task.project)
    sys.argv = [task.program, *shlex.split(command_of(task))]


@contextmanager
def _printing_to(file: Path) -> Iterator[None]:
    """Have all that this process prints appended to a file within the block, whatever prints it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    kept = {stream: os.dup(stream.fileno()) for stream in (sys.__stdout__, sys.__stderr__) if stream}
    with file.open("ab", buffering=0) as log:
        for stream in kept:
            stream.flush()
            os.dup2(log.fileno(), stream.fileno())
    try:
        yield
    finally:
        for stream, before in kept.items():
            stream.flush()
            os.dup2(before, stream.fileno())
            os.close(before)


@contextmanager
def _default_signals() -> Iterator[None]:
    """Put away the handlers of whatever has started this process, so that signals end the run in order."""
    before = {number: signal.signal(number, handler) for number, handler in _SIGNALS.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
