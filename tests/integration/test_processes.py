"""Runs that are interrupted, and runs at the same time."""

import os
import re
import signal
import time
from pathlib import Path

import mlflow
import pytest

from tests.conftest import MadeData
from tests.integration.conftest import Project, edit
from tests.integration.forked import Forked, ForkServer
from tests.integration.test_kills import weights_of

pytestmark = [pytest.mark.integration, pytest.mark.landing]

RUN = ("run", "--namespaces", "squares")
# More than anybody waits for.
LONG = ("--params", "squares.training.epochs=5000")
# What TensorFlow's native code prints by itself of a signal within one of its calls to Python.
NATIVE = "returned a result with an exception set"
SECONDS = 20  # beside other work; alone, one or two


def interrupt(command: Forked, number: signal.Signals) -> str:
    """Send a signal and wait for the end; what was printed."""
    os.kill(command.pid, number)
    began = time.monotonic()
    assert command.ended(wait=True) == 128 + number, command.output()
    assert time.monotonic() - began < SECONDS
    if NATIVE not in command.output():
        assert "Traceback" not in command.output()
    return command.output()


def test_a_second_run_is_refused_and_the_first_can_be_interrupted(fork_server: ForkServer, squares: Project) -> None:
    first = fork_server.kedro(squares, *RUN, *LONG)
    assert first.reach("train"), first.output()
    second = fork_server.kedro(squares, *RUN)
    assert second.ended(wait=True) == 1
    held = rf"Error: Another run is using {squares.folder}/data: process {first.pid} since .*`kedro run --namespaces "
    assert re.search(held, second.output())
    assert len(squares.runs()) == 1
    printed = interrupt(first, signal.SIGTERM)
    hint = " ".join(["kedro", *RUN, *LONG, "--only-missing-outputs"])
    assert printed.splitlines()[-1] == f"Interrupted by SIGTERM. To continue: {hint}"
    assert [run.info.status for run in squares.runs()] == ["KILLED"]


def test_an_interrupted_fetch_takes_its_client_with_it(fork_server: ForkServer, squares: Project) -> None:
    _fetch_from_a_client_that_hangs(squares)
    arguments = (*RUN, "--env", "smoke", "--params", "tracking.enabled=false")
    command = fork_server.kedro(squares, *arguments, PATH=f"{squares.folder}/bin:{os.environ['PATH']}")
    client = squares.folder / "client.txt"
    while not (client.exists() and client.read_text()):
        assert command.ended() is None, command.output()
        time.sleep(0.01)
    printed = interrupt(command, signal.SIGINT)
    assert printed.splitlines()[-1].endswith(f"To continue: kedro {' '.join(arguments)} --only-missing-outputs")
    with pytest.raises(ProcessLookupError):
        os.kill(int(client.read_text()), 0)
    assert squares.runs() == []


def _fetch_from_a_client_that_hangs(project: Project) -> None:
    sources = [{"kind": "npm", "package": "none", "version": "1.0.0", "folder": "data"}]
    edit(project.folder / "conf/base/datasets.yml", lambda known: known["datasets"]["squares"].update(sources=sources))
    for made in (project.folder / "mirror/squares").iterdir():
        made.unlink()
    program = project.folder / "bin" / "npm"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho $$ > {project.folder}/client.txt\nexec sleep 600\n")
    program.chmod(0o755)


def test_two_recipes_fetch_the_same_files_at_once(
    fork_server: ForkServer, squares: Project, made_data: MadeData
) -> None:
    recipes = [(), ("--env", "smoke"), ("--env", "fast")]
    commands = [fork_server.kedro(squares, *RUN, "--pipelines", "data", *recipe) for recipe in recipes]
    for command in commands:
        command.finish()
    raw = squares.folder / "data/01_raw/squares"
    assert sorted(path.read_bytes() for path in raw.iterdir()) == sorted(made_data.contents.values())
    assert [run.info.status for run in squares.runs()] == ["FINISHED"] * 3
    for outputs in ("data", "data/recipes/smoke", "data/recipes/fast"):
        assert (squares.folder / outputs / "05_model_input/squares/preprocessing.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("kind", ["start", "fetch", "prepare", "train", "export", "evaluate", "logging"])
def test_a_run_interrupted_in_any_stage_is_closed_and_completed_later(
    fork_server: ForkServer, squares: Project, kind: str, number: signal.Signals
) -> None:
    command = fork_server.kedro(squares, *RUN)
    assert command.reach(kind, place={"logging": 3}.get(kind, 0)), command.output()
    time.sleep(1.0 if kind in {"start", "export"} else 0.0)
    printed = interrupt(command, number)
    assert f"To continue: kedro {' '.join(RUN)} --only-missing-outputs" in printed
    assert {run.info.status for run in squares.runs()} <= {"KILLED"}
    fork_server.kedro(squares, *RUN, "--only-missing-outputs").finish()
    assert weights_of(squares)


@pytest.mark.slow
def test_kedro_viz_beside_a_run_shows_whole_artifacts(fork_server: ForkServer, squares: Project) -> None:
    fork_server.kedro(squares, *RUN).finish()
    run = fork_server.kedro(squares, *RUN)
    while run.ended() is None:
        ended = squares.kedro("viz", "build", "--include-previews")
        assert ended.returncode == 0, ended.stderr
        # The other data sets have no artifacts, and are said to have none.
        assert [line for line in ended.stderr.splitlines() if "Error" in line and "'squares." in line] == []
    run.finish()
    assert Path(squares.folder / "build/index.html").exists()
    assert mlflow.active_run() is None
