"""Pipelines that a sweep runs besides its trials, in a process of their own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mnist_resnet.computing.threads import THREADS_VARIABLE
from mnist_resnet.config import OUTPUTS_VARIABLE, as_typed
from mnist_resnet.sweep.plan import SweepPlan
from mnist_resnet.terminal.program import program_words

# What a sweep's own process is told, and its pipelines are told anew.
_OF_THE_SWEEP = {"MLFLOW_RUN_ID", "KEDRO_ENV", "MNIST_RESNET_CONF_SOURCE"}


def run_pipelines(
    project: Path,
    plan: SweepPlan,
    outputs: Path,
    options: list[str],
    params: Mapping[str, Any],
    log: Path,
    variables: Mapping[str, str],
) -> int:
    """Run pipelines with outputs of their own by the program that the user has typed, and wait for their exit code.

    Args:
        project: The project's folder.
        plan: For the recipe, the configuration and the cores.
        outputs: The folder of outputs.
        options: What ``run`` is told besides.
        params: By dotted key.
        log: What is printed is appended there.
        variables: Set for the process besides.
    """
    typed = ",".join(f"{key}={as_typed(value)}" for key, value in params.items())
    program = [sys.executable, "-m", program_words(sys.argv[0])[-1]]
    command = [*program, "run", *plan.options(), *options, "--params", typed]
    own = {OUTPUTS_VARIABLE: os.path.relpath(outputs, project), THREADS_VARIABLE: str(plan.cpus)}
    environment = {name: value for name, value in os.environ.items() if name not in _OF_THE_SWEEP}
    with log.open("ab") as printed:
        ended = subprocess.run(
            command,
            cwd=project,
            env={**environment, **own, **variables},
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            check=False,
        )
    return ended.returncode
