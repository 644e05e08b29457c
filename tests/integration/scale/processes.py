"""Processes of this machine that others have started."""

from collections.abc import Iterator
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
