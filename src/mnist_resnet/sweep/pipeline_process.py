"""Pipelines that a sweep runs besides its trials, in a process of their own."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from mnist_resnet.computing.processor import THREADS_VARIABLE
from mnist_resnet.config import OF_ONE_RUN, OUTPUTS_VARIABLE
from mnist_resnet.terminal.program import program_words


def run_pipelines(
    project: Path, command: Sequence[str], outputs: Path, cpus: int, log: Path, variables: Mapping[str, str]
) -> int:
    """Run pipelines with outputs of their own by the program that the user has typed, and wait for their exit code.

    Args:
        project: The project's folder.
        command: The words after the program's name.
        outputs: The folder of outputs.
        cpus: How many cores computing may use.
        log: What is printed is appended there.
        variables: Set for the process besides.
    """
    program = [sys.executable, "-m", program_words(sys.argv[0])[-1]]
    own = {OUTPUTS_VARIABLE: os.path.relpath(outputs, project), THREADS_VARIABLE: str(cpus)}
    environment = {name: value for name, value in os.environ.items() if name not in OF_ONE_RUN}
    with log.open("ab") as printed:
        ended = subprocess.run(
            [*program, *command],
            cwd=project,
            env={**environment, **own, **variables},
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            check=False,
        )
    return ended.returncode
