"""A command with all processes that it starts: which they are, and how much memory they hold, as Linux tells it."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

_SESSION_FIELD, _KIB_PER_MIB = 3, 1024
_SECONDS_BETWEEN_LOOKS = 0.1


@dataclass
class Peaks:
    """The most memory that was held at one moment, in MiB.

    Files that are mapped are left out, since the system takes their memory back where it needs it; what several
    processes share is counted once.

    Attributes:
        together: By all processes.
        largest_worker: By one of the processes that have loaded onnxruntime, but for the command's own.
    """

    together: float = 0.0
    largest_worker: float = 0.0


@contextmanager
def started(
    command: Sequence[str | Path], folder: Path, environment: dict[str, str]
) -> Iterator[subprocess.Popen[str]]:
    """A command that runs within the block; whatever it has started and is still there is killed at the block's end.

    Args:
        command: The program and its arguments.
        folder: Where it runs.
        environment: Its variables.
    """
    with subprocess.Popen(
        [str(word) for word in command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # all that it starts belongs to the session, even when its parent is dead
    ) as process:
        try:
            yield process
        finally:
            for each in processes_of(process):
                with suppress(ProcessLookupError):  # it has just ended
                    os.kill(each, signal.SIGKILL)


def processes_of(command: subprocess.Popen[str]) -> list[int]:
    """A command's own process and those that it has started, directly or not, as far as they run."""
    found = []
    for path in Path("/proc").iterdir():
        if not path.name.isdecimal():
            continue
        with suppress(OSError):  # it has just ended
            state, *fields = (path / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            if int(fields[_SESSION_FIELD - 1]) == command.pid and state != "Z":
                found.append(int(path.name))
    return found


def workers_of(command: subprocess.Popen[str]) -> list[int]:
    """The processes of a command that have loaded onnxruntime, but for its own."""
    return [each for each in processes_of(command) if each != command.pid and _has_onnxruntime(each)]


def _has_onnxruntime(process: int) -> bool:
    try:
        return "onnxruntime" in Path(f"/proc/{process}/maps").read_text(encoding="utf-8")
    except OSError:
        return False


def held_by(process: int) -> float:
    """The memory that a process holds, without mapped files, in MiB; 0 once it has ended."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Pss_Anon:", "Pss_Shmem:"))) / _KIB_PER_MIB


@contextmanager
def watched(command: subprocess.Popen[str]) -> Iterator[Peaks]:
    """The peaks of a command's memory within the block, looked at some times a second."""
    peaks, ended = Peaks(), Event()
    thread = Thread(target=_watch, args=(command, peaks, ended))
    thread.start()
    try:
        yield peaks
    finally:
        ended.set()
        thread.join()


def _watch(command: subprocess.Popen[str], peaks: Peaks, ended: Event) -> None:
    workers: set[int] = set()
    while not ended.wait(_SECONDS_BETWEEN_LOOKS):
        held = {each: held_by(each) for each in processes_of(command)}
        workers |= {each for each in held if each not in workers and each != command.pid and _has_onnxruntime(each)}
        peaks.together = max(peaks.together, sum(held.values()))
        peaks.largest_worker = max([peaks.largest_worker, *(held.get(each, 0.0) for each in workers)])


def wait_for_end_of_workers(command: subprocess.Popen[str], seconds: float) -> list[int]:
    """The workers of a command that is dead which are still there after so many seconds.

    Two of Ray's own processes, which only report, may stay for longer.
    """
    until = time.monotonic() + seconds
    while (left := workers_of(command)) and time.monotonic() < until:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    return left
