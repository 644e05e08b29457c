"""Processes of this machine that others have started."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

RANK = b"RayTrainWorker"


def processes_below(process: int, command: bytes) -> list[int]:
    """The numbers of the processes that a process has started, itself or by others, by a part of their command."""
    parents, named = {}, []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status, words = (folder / "status").read_text(), (folder / "cmdline").read_bytes()
        except OSError:  # it has ended
            continue
        number = int(folder.name)
        parents[number] = int(status.partition("\nPPid:\t")[2].split()[0])
        named += [number] if command in words else []
    return sorted(number for number in named if process in _ancestors(number, parents))


def _ancestors(number: int, parents: dict[int, int]) -> Iterator[int]:
    while number := parents.get(number, 0):
        yield number


def wait_until(true: Callable[[], object], seconds: float) -> None:
    """Wait until something is true, for so long at most."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)
