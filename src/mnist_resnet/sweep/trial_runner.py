"""The trials of a sweep while they run: started as there is room, started again if they are lost, stopped in order."""

import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mnist_resnet.sweep.cluster_checks import trials_at_once
from mnist_resnet.sweep.plan import SweepPlan, Trial
from mnist_resnet.sweep.progress_lines import ProgressLines
from mnist_resnet.sweep.shared_data import PreparationError, SharedData
from mnist_resnet.sweep.trial import LOG_FILE, TrialTask
from mnist_resnet.sweep.trial_result import DONE, TrialResult
from mnist_resnet.sweep.trial_runs import SweepRecord, close_dead_children, end_child, read_results
from mnist_resnet.sweep.workers import start_scheduler, start_trial
from mnist_resnet.terminal.paths import shown_path
from mnist_resnet.terminal.redaction import in_one_line
from mnist_resnet.tracking.store.address import absolute_uri
from mnist_resnet.tracking.tracked_run import TrackedRun

MOST_PROCESSES = 4
_PROGRESS = "sweep.progress"
_SECONDS_TO_WAIT, _SECONDS_TO_STOP = 1.0, 2.5
_INTERRUPTED = "it was interrupted from outside"
_LOST = {
    "OutOfMemoryError": "Ray has ended its process, since the memory was full",
    "NodeDiedError": "its node was lost",
    "LocalRayletDiedError": "its node was lost",
}


@dataclass(frozen=True)
class _Running:
    task: TrialTask
    processes: int


class TrialRunner:
    """The trials of a sweep.

    Args:
        ray: Ray's module, connected.
        plan: The sweep's plan.
        project: The project's folder.
        run: The sweep's run, open.
        lines: Told of what happens.
    """

    def __init__(self, ray: Any, plan: SweepPlan, project: Path, run: TrackedRun, lines: ProgressLines) -> None:
        self._ray, self._plan, self._project, self._run, self._lines = ray, plan, project, run, lines
        self.record = SweepRecord(absolute_uri(run.uri), run.experiment, run.run_id, plan.namespaces)
        self.folder = project / "data" / "sweeps" / run.run_id[:8]
        self._data = SharedData(plan, project, self.folder)
        self._scheduler = start_scheduler(ray, plan)
        self._running: dict[Any, _Running] = {}
        self._results: dict[str, TrialResult] = {}

    def resume(self) -> None:
        """Take up what earlier parts of the sweep have come to."""
        close_dead_children(self.record)
        earlier = read_results(self.record)
        self._results = {result.trial.identity: result for result in earlier}
        self._ray.get(self._scheduler.resume.remote(earlier))
        self._lines.resumed(earlier)

    def run(self) -> list[TrialResult]:
        """Run all trials that the scheduler gives; the results of all that were begun, also earlier."""
        try:
            while self._start_while_there_is_room() or self._running:
                ended, _ = self._ray.wait(list(self._running), num_returns=1, timeout=_SECONDS_TO_WAIT)
                for reference in ended:
                    self._end(reference, self._running.pop(reference))
        except BaseException:
            self._stop()
            raise
        return list(self._results.values())

    def task(self, trial: Trial) -> TrialTask:
        """All that a worker needs to run a trial."""
        outputs = self.folder / f"{trial.number}-{trial.identity}"
        return TrialTask(self._project, self._plan, trial, self.record, outputs, sys.argv[0])

    def _start_while_there_is_room(self) -> bool:
        """Start trials; False once there is none left to start."""
        while len(self._running) < trials_at_once(self._ray, self._plan):
            trial = self._ray.get(self._scheduler.ask.remote())
            if trial is None:
                return False
            self._prepare_and_start(trial)
        return True

    def _prepare_and_start(self, trial: Trial) -> None:
        task = self.task(trial)
        self._lines.started(trial)
        try:
            self._data.give(trial, task.outputs)
        except PreparationError as error:
            self._note(TrialResult(trial, "FAILED", None, 0.0, reason=str(error)))
            return
        self._start(task, processes=1)

    def _start(self, task: TrialTask, processes: int) -> None:
        self._running[start_trial(self._ray, task, self._scheduler)] = _Running(task, processes)

    def _end(self, reference: Any, running: _Running) -> None:
        exceptions, lost = self._ray.exceptions, _INTERRUPTED
        try:
            result: TrialResult = self._ray.get(reference)
        except exceptions.RayTaskError as error:  # such as a store that is away
            self._note(self._failed(running.task, in_one_line(error.cause)))
            return
        except exceptions.RayError as error:
            lost = _LOST.get(type(error).__name__, "its process has died")
        else:
            if result.status != "KILLED":
                self._note(result)
                return
        if running.processes == MOST_PROCESSES:
            self._note(self._failed(running.task, f"{lost}, {MOST_PROCESSES} times"))
            return
        self._lines.restarted(running.task.trial, lost)
        self._start(running.task, running.processes + 1)

    def _failed(self, task: TrialTask, reason: str) -> TrialResult:
        """The result of a trial whose process could not tell it itself; its run is ended."""
        begun = [each for each in read_results(self.record) if each.trial.identity == task.trial.identity]
        for each in begun:
            assert each.run_id is not None
            end_child(self.record, each.run_id, "FAILED", reason, each.seconds)
            return replace(each, status="FAILED", reason=reason)
        return TrialResult(task.trial, "FAILED", None, 0.0, reason=reason)

    def _note(self, result: TrialResult) -> None:
        self._results[result.trial.identity] = result
        self._scheduler.tell.remote(result)
        done = sum(each.status in DONE for each in self._results.values())
        self._run.set_tags({_PROGRESS: f"{done} of {self._plan.count} trials"})
        log = self.task(result.trial).outputs / LOG_FILE
        told = result.reason
        if told and log.exists():
            told = f"{told}; see {shown_path(log, self._project)}"
        self._lines.ended(replace(result, reason=told))

    def _stop(self) -> None:
        """Stop all trials within seconds, as KILLED by the record."""
        for reference in self._running:
            self._ray.cancel(reference, force=False)
        if self._running:
            every = list(self._running)
            self._ray.wait(every, num_returns=len(every), timeout=_SECONDS_TO_STOP)
        with suppress(Exception):  # of a store that is away; what has stopped the sweep is what is told
            close_dead_children(self.record)
