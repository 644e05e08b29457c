"""Runs on JAX, which export through TensorFlow in a process of its own."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from mnist_resnet.storage.digests import digests_of_onnx
from tests.conftest import PROJECT
from tests.integration.conftest import KEDRO, Project, clean_environment, git

pytestmark = [pytest.mark.integration, pytest.mark.landing]

# float32 on two libraries; the check of each export allows the same.
TOLERANCE = 1e-5
RUN = ("run", "--namespaces", "squares")
EXPORTING = b"tensorflow_process import serve"
SECONDS = 300
BACKENDS = {"train": "jax", "export": "tensorflow"}


@pytest.fixture
def by_jax(squares: Project) -> Project:
    """A project that has been through all pipelines in one command."""
    ended = squares.kedro(*RUN, KERAS_BACKEND="jax")
    assert ended.returncode == 0, ended.stderr
    assert "by JAX" in ended.stderr
    return squares


def test_one_command_trains_by_jax_and_exports_what_tensorflow_exports_of_the_same_network(
    by_jax: Project, made_data
) -> None:
    outputs = by_jax.folder / "data"
    probabilities = np.load(outputs / "07_model_output/squares/test_probabilities.npy")
    assert np.mean(probabilities.argmax(axis=1) == made_data.arrays["test_labels"]) > 0.8
    agreement = json.loads((outputs / "06_models/squares/parity.json").read_text())
    assert max(agreement["savedmodel_max_abs_diff"], agreement["onnx_max_abs_diff"]) <= TOLERANCE

    record = json.loads((artifacts_of(by_jax) / "provenance.json").read_text())
    assert record["backends"] == {name: f"{name_of} {version(name_of)}" for name, name_of in BACKENDS.items()}

    onnx = outputs / "06_models/squares/model.onnx"
    exported = onnx.read_bytes()
    by_jax.run(pipeline_names=["export"], namespaces=["squares"])
    assert digests_of_onnx(onnx.read_bytes()) == digests_of_onnx(exported)


def artifacts_of(project: Project) -> Path:
    (run,) = project.runs()
    return Path(str(run.info.artifact_uri).removeprefix("file://"))


@contextmanager
def exporting(project: Project) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """A run on JAX that has begun to export, and the number of the process that does so for it."""
    variables = clean_environment() | {"KERAS_BACKEND": "jax", "TMPDIR": str(project.folder / "temporary")}
    (project.folder / "temporary").mkdir()
    command = [KEDRO, *RUN]
    with subprocess.Popen(command, cwd=project.folder, env=variables, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process, _exporting(process)
        finally:
            process.kill()


def _exporting(process: "subprocess.Popen[str]") -> int:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        for folder in Path("/proc").glob("[0-9]*"):
            if f"\nPPid:\t{process.pid}\n" in _read(folder / "status").decode() and EXPORTING in _read(
                folder / "cmdline"
            ):
                return int(folder.name)
        time.sleep(0.02)
    raise AssertionError(f"no export has begun: {process.stderr.read() if process.stderr else ''}")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended
        return b""


def _ends(number: int) -> bool:
    deadline = time.monotonic() + 10
    while Path(f"/proc/{number}").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return not Path(f"/proc/{number}").exists()


needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells which process has which")


@needs_proc
@pytest.mark.parametrize(
    ("seconds", "number"),
    [
        pytest.param(0.1, signal.SIGKILL, id="starting, killed", marks=pytest.mark.slow),
        pytest.param(6.0, signal.SIGTERM, id="at work, ended", marks=pytest.mark.slow),
        pytest.param(0.1, signal.SIGTERM, id="starting, ended", marks=pytest.mark.slow),
        pytest.param(6.0, signal.SIGKILL, id="at work, killed", marks=pytest.mark.slow),
        pytest.param(0.1, signal.SIGINT, id="starting, interrupted", marks=pytest.mark.slow),
        pytest.param(6.0, signal.SIGINT, id="at work, interrupted", marks=pytest.mark.slow),
    ],
)
def test_a_run_that_is_ended_while_it_exports_leaves_no_process_and_no_temporary_file(
    squares: Project, seconds: float, number: signal.Signals
) -> None:
    with exporting(squares) as (process, child):
        time.sleep(seconds)
        process.send_signal(number)
        _, printed = process.communicate(timeout=60)
    assert _ends(child)
    if number == signal.SIGKILL:  # what it had begun to write itself is left
        assert process.returncode == -number
        return
    assert list((squares.folder / "temporary").glob("mnist_resnet.*")) == []
    assert process.returncode == 128 + number
    assert "Traceback" not in printed
    assert "To continue: KERAS_BACKEND=jax kedro run --namespaces squares --only-missing-outputs" in printed
    assert [run.info.status for run in squares.runs()] == ["KILLED"]
    continued = squares.kedro(*RUN, "--only-missing-outputs", KERAS_BACKEND="jax")
    assert continued.returncode == 0, continued.stderr


@needs_proc
def test_an_exporting_process_that_is_killed_ends_the_run_in_a_line(squares: Project) -> None:
    with exporting(squares) as (process, child):
        os.kill(child, signal.SIGKILL)
        _, printed = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "The process that exports by TensorFlow was killed by SIGKILL; it may have had too little memory" in printed
    assert "Traceback" not in printed
    assert [run.info.status for run in squares.runs()] == ["FAILED"]


@pytest.mark.slow
def test_an_export_that_does_not_agree_is_refused_as_on_tensorflow(squares: Project) -> None:
    changes = {"parity_tolerance": "1.0e-12", "parity_rounding_factor": "1.0e-3", "average_flips": "true"}
    params = ",".join(f"squares.export.{name}={value}" for name, value in changes.items())
    refused = squares.kedro(*RUN, "--params", params, KERAS_BACKEND="jax")
    assert refused.returncode == 1
    assert "Rounding to float32 moves the trained network's own probabilities by up to" in refused.stderr
    assert "export, at batch size 1, does not agree with the trained model" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (squares.folder / "data/06_models/squares/model.onnx").exists()


@pytest.mark.slow
def test_a_run_on_jax_is_made_again_on_jax_with_the_same_bits(squares: Project) -> None:
    shutil.copytree(PROJECT / "src", squares.folder / "src", dirs_exist_ok=True)
    (squares.folder / ".gitignore").write_text((PROJECT / ".gitignore").read_text() + "/mirror/\n")
    git(squares.folder, "init", "-q")
    git(squares.folder, "add", "-A")
    git(squares.folder, "commit", "-q", "-m", "First")
    trained = squares.kedro(*RUN, KERAS_BACKEND="jax", PYTHONPATH=str(squares.folder / "src"))
    assert trained.returncode == 0, trained.stderr
    (run,) = squares.runs()
    again = squares.kedro("reproduce", run.info.run_id, "--in-place", "--at-least", "bitwise")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "set for the run: KERAS_BACKEND" in again.stdout
    compared = squares.kedro("compare", *(each.info.run_id for each in squares.runs()), "--at-least", "bitwise")
    assert compared.returncode == 0, compared.stdout
