"""Pipelines in a process of their own: what they are told."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mnist_resnet.sweep.pipeline_process import run_pipelines

# Stands for the program: Python looks in the present folder first.
PROGRAM = """
import json, os, sys
print(json.dumps({"words": sys.argv[1:], "variables": dict(os.environ), "folder": os.getcwd()}))
print("to standard error", file=sys.stderr)
sys.exit(3)
"""


@pytest.fixture
def told(tmp_path: Path) -> Callable[..., tuple[int, dict[str, Any]]]:
    """Run a command by a program that notes what it is told; the exit code and the notes."""

    def told(program: str = "kedro", **variables: str) -> tuple[int, dict[str, Any]]:
        (tmp_path / f"{program}.py").write_text(PROGRAM)
        outputs, log = tmp_path / "data/sweeps/1", tmp_path / "run.log"
        ended = run_pipelines(tmp_path, ["run", "--params", "mnist.a=true"], outputs, 3, log, variables)
        return ended, json.loads(log.read_text().splitlines()[-2])

    return told


def test_the_process_is_told_command_outputs_and_cores(told, tmp_path: Path) -> None:
    ended, noted = told(MLFLOW_RUN_ID="abc")
    assert ended == 3
    assert noted["words"] == ["run", "--params", "mnist.a=true"]
    assert noted["folder"] == str(tmp_path)
    expected = {"MNIST_RESNET_OUTPUTS": "data/sweeps/1", "TF_NUM_INTRAOP_THREADS": "3", "MLFLOW_RUN_ID": "abc"}
    assert expected.items() <= noted["variables"].items()


def test_what_is_printed_is_appended(told, tmp_path: Path) -> None:
    (tmp_path / "run.log").write_text("earlier\n")
    told()
    lines = (tmp_path / "run.log").read_text().splitlines()
    assert (lines[0], len(lines)) == ("earlier", 3)


def test_the_sweeps_own_run_and_configuration_are_not_those_of_the_process(
    told, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "KEDRO_ENV", "MNIST_RESNET_CONF_SOURCE"):
        monkeypatch.setenv(name, "of the sweep")
    _, noted = told()
    assert "of the sweep" not in noted["variables"].values()


def test_a_sweep_by_the_wheels_command_runs_pipelines_by_it(told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/bin/mnist_resnet", "sweep"])
    ended, _ = told(program="mnist_resnet")
    assert ended == 3
