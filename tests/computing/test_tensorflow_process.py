"""The process on TensorFlow, called with functions that need no TensorFlow, so that it starts at once."""

import logging
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from mnist_resnet.computing import tensorflow_process as module
from mnist_resnet.computing.tensorflow_process import TensorFlowProcess, TensorFlowProcessError, tensorflow_process
from mnist_resnet.errors import UserError
from mnist_resnet.storage.disk_space import temporary_folder

HERE = __name__
SECONDS = 20


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[TensorFlowProcess]:
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setenv("XLA_FLAGS", "--xla_of_another_version=1")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.syspath_prepend(Path(__file__).parents[2])
    started = TensorFlowProcess()
    yield started
    started.end()


def setting(name: str) -> str | None:
    return os.environ.get(name)


def doubled(array: np.ndarray) -> np.ndarray:
    return array * 2


def refuse(message: str) -> NoReturn:
    raise MendableError(message)


class MendableError(UserError, OSError):
    pass


def fail() -> NoReturn:
    raise ZeroDivisionError("nobody can mend this")


def speak() -> None:
    logging.getLogger("mnist_resnet.heard").info("an %s", "answer")
    logging.getLogger("mnist_resnet.heard").debug("too much")
    warnings.warn("a warning", stacklevel=1)


def stay(path: Path) -> None:
    with temporary_folder() as folder:
        path.write_text(str(folder))
        time.sleep(600)


def test_it_runs_on_tensorflow_without_a_gpu_and_without_flags_for_jax(process: TensorFlowProcess) -> None:
    asked = ("KERAS_BACKEND", "CUDA_VISIBLE_DEVICES", "XLA_FLAGS")
    assert [process.call(f"{HERE}:setting", name) for name in asked] == ["tensorflow", "-1", None]


def test_arrays_and_bytes_come_and_go(process: TensorFlowProcess) -> None:
    answer = process.call(f"{HERE}:doubled", np.arange(3, dtype=np.int16))
    np.testing.assert_array_equal(answer, np.array([0, 2, 4], np.int16), strict=True)


def test_an_error_that_a_user_can_mend_is_the_same_here(process: TensorFlowProcess) -> None:
    with pytest.raises(MendableError, match=r"^buy a disk$"):
        process.call(f"{HERE}:refuse", "buy a disk")
    assert process.call(f"{HERE}:setting", "KERAS_BACKEND") == "tensorflow"


def test_any_other_error_is_told_with_its_traceback(process: TensorFlowProcess) -> None:
    with pytest.raises(TensorFlowProcessError, match=r"(?s)in fail\n.*ZeroDivisionError: nobody can mend this"):
        process.call(f"{HERE}:fail")


def test_what_it_logs_is_logged_here(process: TensorFlowProcess, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    process.call(f"{HERE}:speak")
    heard = [(record.name, record.levelname) for record in caplog.records]
    assert heard == [("mnist_resnet.heard", "INFO"), ("py.warnings", "WARNING")]
    assert caplog.messages[0] == "an answer"
    assert "UserWarning: a warning" in caplog.messages[1]


def stayed(path: Path) -> Path:
    """The folder that ``stay`` works in, once it does."""
    deadline = time.monotonic() + SECONDS
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return Path(path.read_text())


def test_when_the_call_is_interrupted_it_ends_and_cleans_up(process: TensorFlowProcess, tmp_path: Path) -> None:
    class Alarm(BaseException):
        pass

    def ring(*_: object) -> NoReturn:
        assert stayed(tmp_path / "note").exists()
        raise Alarm

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(2)
    try:
        with pytest.raises(Alarm):
            process.call(f"{HERE}:stay", tmp_path / "note")
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    assert not process.alive
    assert not stayed(tmp_path / "note").exists()


def test_when_it_is_killed_that_is_said(process: TensorFlowProcess) -> None:
    number = process.call("os:getpid")
    os.kill(number, signal.SIGKILL)
    with pytest.raises(TensorFlowProcessError, match="was killed by SIGKILL; it may have had too little memory"):
        process.call("os:getpid")
    assert not process.alive


CALLER = f"""
import sys
from pathlib import Path
from mnist_resnet.computing.tensorflow_process import TensorFlowProcess
process = TensorFlowProcess()
print(process.call("os:getpid"), flush=True)
process.call("{HERE}:stay", Path(sys.argv[1]))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_it_does_not_outlive_the_process_that_started_it(tmp_path: Path, number: signal.Signals) -> None:
    variables = os.environ | {"TMPDIR": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", CALLER, tmp_path / "note"]
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True) as caller:
        assert caller.stdout is not None
        child, folder = int(caller.stdout.readline()), stayed(tmp_path / "note")
        assert folder.exists()
        caller.send_signal(number)
    deadline = time.monotonic() + SECONDS
    while _lives(child):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert not folder.exists()


def _lives(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


def test_one_serves_all_calls_until_it_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    first = tensorflow_process()
    assert tensorflow_process() is first
    module.end_tensorflow_process()
    assert not first.alive
    module.end_tensorflow_process()
    try:
        assert tensorflow_process().call("os:getpid") != os.getpid()
    finally:
        module.end_tensorflow_process()
