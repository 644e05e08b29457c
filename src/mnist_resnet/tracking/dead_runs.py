"""Runs whose process has died without a word to MLflow: found by the next run, and marked as failed."""

import json
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from mnist_resnet.terminal.redaction import in_one_line

logger = logging.getLogger(__name__)

PROCESS, ENDED_BECAUSE = "process", "ended_because"
_PROC = Path("/proc")
# Places in `/proc/<pid>/stat` after the name: the state, and the start in clock ticks since the boot; see proc(5).
_STATE, _STARTED = 0, 19
_NEVER = -1
_PAGE = 1000


@dataclass(frozen=True)
class Process:
    """What tells a process from all others, as far as the operating system says it; None where it does not.

    Attributes:
        host: The machine's name.
        project: The project's folder.
        boot: Of the kernel, an identifier of the time since its start.
        namespace: In which the number counts: containers have their own.
        pid: The process's number.
        started: In clock ticks since the kernel's start; numbers are used again, but not with this.
    """

    host: str
    project: str
    boot: str | None
    namespace: str | None
    pid: int
    started: int | None

    @classmethod
    def present(cls, project: Path) -> "Process":
        """This process, working for a project."""
        pid = os.getpid()
        return cls(socket.gethostname(), str(project.resolve()), _boot(), _namespace(), pid, _start_of(pid))

    def is_gone(self, here: "Process") -> bool:
        """Whether it has certainly ended, as seen from another process.

        Args:
            here: The present process. What ran on another machine, for another project or in another
                container is not known to have ended.
        """
        if (self.host, self.project) != (here.host, here.project):
            return False
        if self.boot != here.boot:
            return self.boot is not None and here.boot is not None
        return self.namespace == here.namespace and not self._is_alive()

    def _is_alive(self) -> bool:
        started = _start_of(self.pid)
        if self.started is not None and started is not None:
            return started == self.started
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:  # somebody else's
            return True
        return True


def process_tags(project: Path) -> dict[str, str]:
    """The tag by which a run of this process is known; none for a run that another process has opened.

    Args:
        project: The project's folder.
    """
    if os.environ.get("MLFLOW_RUN_ID"):
        return {}
    return {PROCESS: json.dumps(asdict(Process.present(project)))}


def of_moved_project(tag: str, former: Path, present: Path) -> str:
    """The tag of a process, with the present folder of its project; unchanged if it worked for another.

    Args:
        tag: Its value.
        former: The project's folder before it was moved or copied.
        present: And after.
    """
    with suppress(ValueError, TypeError):  # of something else
        process = Process(**json.loads(tag))
        if process.project == str(former):
            return json.dumps(asdict(replace(process, project=str(present.resolve()))))
    return tag


def close_dead_runs(store: str, experiment: str, project: Path) -> None:
    """Mark the runs of this project as FAILED that are RUNNING by the record, but whose process is gone.

    Args:
        store: The tracking URI.
        experiment: The name of the experiment to look into; nothing happens if there is none.
        project: The project's folder.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    client, here = mlflow.MlflowClient(store), Process.present(project)
    try:
        for run, process in _running(client, experiment):
            if process.is_gone(here):
                _close(client, run, process)
    except MlflowException as error:  # such as of a server that lets nobody change older runs
        logger.warning("Runs that have died could not be marked as failed: %s", in_one_line(error))


def _close(client: Any, run: Any, process: Process) -> None:
    run_id = run.info.run_id
    client.set_tag(run_id, ENDED_BECAUSE, f"its process {process.pid} died without closing it")
    client.set_terminated(run_id, "FAILED")
    logger.info("Run %s (%s) is marked as failed: its process %d died", run_id[:8], run.info.run_name, process.pid)


def _running(client: Any, experiment: str) -> Iterator[tuple[Any, Process]]:
    """The runs that are recorded as going on, and whose process is recorded."""
    found = client.get_experiment_by_name(experiment)
    if found is None:
        return
    running = client.search_runs([found.experiment_id], "attributes.status = 'RUNNING'", max_results=_PAGE)
    for run in running:
        with suppress(KeyError, ValueError, TypeError):  # opened by something else
            yield run, Process(**json.loads(run.data.tags[PROCESS]))


def _boot() -> str | None:
    with suppress(OSError):
        return (_PROC / "sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    return None


def _namespace() -> str | None:
    with suppress(OSError):
        return str((_PROC / "self/ns/pid").readlink())
    return None


def _start_of(pid: int) -> int | None:
    """When a process started; never, if only its entry is left; None if nobody says, as of other users' processes."""
    with suppress(OSError, ValueError, IndexError):
        fields = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return _NEVER if fields[_STATE] in {"Z", "X"} else int(fields[_STARTED])
    return None
