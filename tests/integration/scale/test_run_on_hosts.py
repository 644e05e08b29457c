"""Whole runs whose training is on several hosts, where processes of this machine stand for hosts."""

import json
import shutil
import signal
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from tests.integration.conftest import KEDRO, Project, clean_environment
from tests.integration.scale.processes import RANK, processes_below, wait_until
from tests.made_repository import git

pytestmark = [pytest.mark.integration, pytest.mark.scale, pytest.mark.slow]

DEVICES = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
BACKENDS = {"train": "jax", "export": "tensorflow"}
# float32 on two libraries; the check of each export allows the same.
PARITY = 1e-5
SECONDS = 300


def on_two_hosts(**changes: object) -> list[str]:
    """The words of a run of ``squares`` on two hosts."""
    params = {"training.hosts": 2, "training.devices": 2} | changes
    return ["run", "--namespaces", "squares", "--params", ",".join(f"squares.{key}={params[key]}" for key in params)]


def test_one_command_trains_on_hosts_exports_and_evaluates_and_is_made_again(squares: Project) -> None:
    shutil.copytree(PROJECT / "src", squares.folder / "src", dirs_exist_ok=True)
    (squares.folder / ".gitignore").write_text((PROJECT / ".gitignore").read_text() + "/mirror/\n")
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "First"]):
        git(squares.folder, *words)
    variables = DEVICES | {"PYTHONPATH": str(squares.folder / "src")}
    ended = squares.kedro(*on_two_hosts(), **variables)
    assert ended.returncode == 0, ended.stderr
    assert "RAY_ADDRESS names no cluster, so 2 processes of this machine train in their place" in ended.stderr
    outputs = squares.folder / "data"
    agreement = json.loads((outputs / "06_models/squares/parity.json").read_text())
    assert max(agreement["savedmodel_max_abs_diff"], agreement["onnx_max_abs_diff"]) <= PARITY
    (run,) = squares.runs()
    record = json.loads(squares.recorded(run.info.run_id, "provenance.json").read_text())
    assert record["backends"] == {name: f"{each} {version(each)}" for name, each in BACKENDS.items()}
    device = record["training_devices"]["squares"]
    assert (device["backend"], device["count"], device["asked"]["hosts"]) == ("jax", 4, 2)
    history = squares.client.get_metric_history(run.info.run_id, "squares/epochs/train_loss")
    assert [each.step for each in history] == [1, 2]

    again = squares.kedro("reproduce", run.info.run_id, "--in-place", "--at-least", "bitwise", **variables)
    assert again.returncode == 0, again.stdout + again.stderr
    compared = squares.kedro("compare", run.info.run_id, squares.runs()[0].info.run_id)
    assert "BITWISE" in compared.stdout


def test_an_interruption_ends_all_ranks(squares: Project) -> None:
    words = on_two_hosts(**{"training.epochs": 100_000})
    command, variables = [KEDRO, *words], clean_environment() | DEVICES
    with subprocess.Popen(command, cwd=squares.folder, env=variables, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr
            seen = next(line for line in process.stderr if "epoch 2 of" in line)
            ranks = processes_below(process.pid, RANK)
            process.send_signal(signal.SIGINT)
            printed = seen + process.communicate(timeout=SECONDS)[1]
        finally:
            process.kill()
    assert process.returncode == 128 + signal.SIGINT
    assert "Traceback" not in printed
    assert len(ranks) == 2
    wait_until(lambda: not [rank for rank in ranks if Path(f"/proc/{rank}").exists()], 30)
    assert [run.info.status for run in squares.runs()] == ["KILLED"]
